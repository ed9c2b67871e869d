/** Ownership: what a model or document has running and open, and how it ends. */
import { linkSignals } from '../base/abort'
import { RagdraftError } from '../base/errors'

export interface Closeable {
  close(): Promise<void>
}

/**
 * The requests and children of one owner. Closing cancels the requests with ERR_CLOSED, waits for them, closes the children,
 * then releases the owner's handle: nothing native is freed while something may use it.
 */
export class Scope {
  readonly #name: string
  readonly #release: () => void
  readonly #controller = new AbortController()
  readonly #running = new Set<Promise<unknown>>()
  readonly #children = new Set<Closeable>()
  #closing: Promise<void> | undefined

  /** @param name "model" or "document", for messages. @param release frees the owner's handle; called once, last. */
  constructor(name: string, release: () => void) {
    this.#name = name
    this.#release = release
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** @throws ERR_CLOSED */
  assertOpen(): void {
    if (this.closed) throw new RagdraftError('ERR_CLOSED', `the ${this.#name} is closed`)
  }

  /** Runs a request under the caller's signals and the owner's life. */
  async run<T>(signals: (AbortSignal | undefined)[], task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.assertOpen()
    const linked = linkSignals(this.#controller.signal, ...signals)
    const running = (async () => {
      linked.signal.throwIfAborted()
      return task(linked.signal)
    })()
    this.#running.add(running)
    try {
      return await running
    } finally {
      linked.dispose()
      this.#running.delete(running)
    }
  }

  adopt(child: Closeable): void {
    this.assertOpen()
    this.#children.add(child)
  }

  disown(child: Closeable): void {
    this.#children.delete(child)
  }

  /** Idempotent; every call waits for the end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await null // `closed` is true before anything that waits on it runs
    this.#controller.abort(new RagdraftError('ERR_CLOSED', `the ${this.#name} was closed`))
    await Promise.allSettled(this.#running)
    await Promise.all([...this.#children].map((child) => child.close()))
    this.#release()
  }
}
