/** An answer on its way: a Promise of the result and an AsyncIterable of its text, whichever the caller needs. */
import type { Mode } from '../options/options'
import type { DrafterInfo } from '../pipeline/drafter'
import type { SpeculationStats } from '../pipeline/statistics'

/** A span of the document that the answer quotes, in UTF-16 code units, half-open. */
export interface Citation {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A passage that the drafter was given: its span of the document and its retrieval score. */
export interface UsedChunk {
  readonly start: number
  readonly end: number
  readonly score: number
}

/** What an answer cost, and how drafting went. Times in ms. */
export interface AnswerStats {
  readonly mode: Mode
  /** Who drafted; of two, the one that drafted most rounds. `speculation.drafters` has both. */
  readonly drafter: DrafterInfo
  /** Tokens of the target's prompt, the document's included; 0 in `rag` mode. */
  readonly promptTokens: number
  /**
   * Tokens that the drafter reads before the answer: of a prompt of its own, or where `drafter.cache` is `shared`, of the target's,
   * read in the cache; 0 in `plain` mode. Beside automatic draft lengths in `lossless` a prompt of its own is not read unless that
   * should pay: `speculation.readTokens` tells.
   */
  readonly draftPromptTokens: number
  /** Time to bring this question's prompts into the caches, both models; the document itself was read before (`doc.readMs`). */
  readonly prefillMs: number
  /** From the call of ask() to the first token, in ms; to the end of an answer without tokens. */
  readonly timeToFirstTokenMs: number
  /** Tokens of the answer. With a stop string: of the whole rounds that were computed until it was complete. */
  readonly decodeTokens: number
  /** Tokens of the answer over the time from the end of the prefill to the end of the answer. */
  readonly decodeTokensPerSecond: number
  /** Passes of the target, each verifying the tokens drafted since the last one. */
  readonly rounds: number
  /** Tokens that the drafter proposed. */
  readonly drafted: number
  /** Of these, the ones that stand. */
  readonly accepted: number
  /** [i]: how often the i-th drafted token of a round was accepted; as long as the longest draft. */
  readonly acceptedByPosition: readonly number[]
  /** What was chosen to draft, round by round, and why. */
  readonly speculation: SpeculationStats
}

/** Why the answer ended: the model's stop token, `maxTokens`, a full context, or one of the `stop` strings. */
export type FinishReason = 'stop' | 'length' | 'context' | 'stop-string'

/** A complete answer. */
export interface AnswerResult {
  /** All deltas of the stream, joined. */
  readonly text: string
  /** What the answer quotes from the document. */
  readonly citations: readonly Citation[]
  /** What the drafter read, in document order; none in `plain` mode. */
  readonly chunks: readonly UsedChunk[]
  readonly finishReason: FinishReason
  readonly stats: AnswerStats
}

/** Produces an answer: calls `emit` with each piece of text, stops when the signal aborts. */
export type AnswerTask = (emit: (delta: string) => void, signal: AbortSignal) => Promise<AnswerResult>

/**
 * The answer to one question. It is computed from the moment it exists, whether or not anyone looks:
 *
 * - `await answer` gives the result;
 * - `for await (const delta of answer)` gives the text as it comes. Every loop sees all of it, also one that starts late.
 *   Leaving the last open loop early (`break`, an exception) cancels the answer.
 *
 * Failure rejects the promise and every loop; an abort does so with `signal.reason`. An answer that nobody looks at
 * never causes an unhandled rejection.
 */
export class Answer implements Promise<AnswerResult>, AsyncIterable<string> {
  readonly [Symbol.toStringTag] = 'Answer'
  readonly #deltas: string[] = []
  readonly #result: Promise<AnswerResult>
  readonly #controller = new AbortController()
  #settled = false
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
    const settle = () => {
      this.#settled = true
      this.#notify()
    }
    this.#result.then(settle, settle)
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<A = AnswerResult, B = never>(
    onFulfilled?: ((result: AnswerResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected)
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<AnswerResult | B> {
    return this.then(null, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<AnswerResult> {
    return this.#result.finally(onFinally)
  }

  /** Stops the answer; it rejects with `reason`. No effect once it has ended. */
  cancel(reason: unknown = new DOMException('The answer was cancelled', 'AbortError')): void {
    this.#controller.abort(reason)
  }

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
        if (this.#settled) {
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
      if (this.#openLoops === 0 && !this.#settled) {
        this.cancel()
        await this.#result.catch(() => {}) // left means stopped: nothing runs on behind the caller's back
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
