/** An answer on its way: a Promise of the result and an AsyncIterable of its text, whichever the caller needs. */
import type { AnswerResult } from '../pipeline/answer-result'

/** Produces an answer: calls `emit` with each piece of text, stops when the signal aborts. */
export type AnswerTask = (emit: (delta: string) => void, signal: AbortSignal) => Promise<AnswerResult>

/**
 * The answer to one question, made by {@link DocumentSession.ask}. It is computed from the moment it exists, whether or not anyone
 * waits for it:
 *
 * - `await answer` gives the result;
 * - `for await (const delta of answer)` gives the text as it comes. Every loop sees all of it, also one that starts late.
 *   Leaving the last open loop early (`break`, an exception) cancels the answer.
 *
 * Failure rejects the promise and every loop; an abort does so with `signal.reason`. An answer that nobody waits for never causes an
 * unhandled rejection.
 *
 * @example
 * const answer = doc.ask('What does the contract say about delays?')
 * for await (const delta of answer) process.stdout.write(delta)
 * const { citations, finishReason, stats } = await answer
 */
export class Answer implements Promise<AnswerResult>, AsyncIterable<string> {
  /** Name of the class, as `Object.prototype.toString` shows it. */
  readonly [Symbol.toStringTag] = 'Answer'
  readonly #deltas: string[] = []
  readonly #result: Promise<AnswerResult>
  readonly #controller = new AbortController()
  #ended = false
  #openLoops = 0
  #wake: (() => void)[] = []

  /** @internal */
  constructor(task: AnswerTask) {
    const emit = (delta: string) => {
      if (delta === '') return
      this.#deltas.push(delta)
      this.#notify()
    }
    this.#result = task(emit, this.#controller.signal)
    const end = () => {
      this.#ended = true
      this.#notify()
    }
    this.#result.then(end, end)
  }

  /** Waits for the result, as of any promise. */
  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<A = AnswerResult, B = never>(
    onFulfilled?: ((result: AnswerResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected)
  }

  /** Handles the failure of the answer, as of any promise. */
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<AnswerResult | B> {
    return this.then(null, onRejected)
  }

  /** Runs a function at the end of the answer, as of any promise. */
  finally(onFinally?: (() => void) | null): Promise<AnswerResult> {
    return this.#result.finally(onFinally)
  }

  /**
   * Stops the answer, which rejects with `reason`. Has no effect once the answer has ended.
   * @param reason Default: a DOMException named "AbortError".
   */
  cancel(reason: unknown = new DOMException('The answer was cancelled', 'AbortError')): void {
    this.#controller.abort(reason)
  }

  /** The text from its beginning, piece by piece; every call starts an iteration of its own. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string> {
    let next = 0
    let open = true
    this.#openLoops++
    const close = () => {
      if (!open) return
      open = false
      this.#openLoops--
    }
    const advance = async (): Promise<IteratorResult<string, undefined>> => {
      while (open) {
        const delta = this.#deltas[next]
        if (delta !== undefined) {
          next++
          return { done: false, value: delta }
        }
        if (this.#ended) {
          close()
          await this.#result // rejects the loop if the answer failed
          break
        }
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
      return { done: true, value: undefined }
    }
    const leave = async (): Promise<IteratorResult<string, undefined>> => {
      close()
      this.#notify() // a next() that waits in this loop ends
      if (this.#openLoops === 0 && !this.#ended) {
        this.cancel()
        await this.#result.catch(() => {}) // left means stopped: nothing runs on unknown to the caller
      }
      return { done: true, value: undefined }
    }
    const iterator: AsyncIterableIterator<string> = { next: advance, return: leave, [Symbol.asyncIterator]: () => iterator }
    return iterator
  }

  #notify(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}
