import { abortSignal, callback } from './fields'
import { option } from './schema'

/** How far a long step has come. */
export interface Progress {
  /** The step: reading weights, tokenizing a document, indexing it, or reading a prompt into the cache of a model. */
  readonly phase: 'load' | 'tokenize' | 'index' | 'prefill-target' | 'prefill-drafter'
  /**
   * Bytes of weights (`load`), UTF-16 code units of the document (`tokenize`, `index`) or tokens of the prompt (`prefill-target`,
   * `prefill-drafter`). Reaches `total` once, at the end of the phase.
   */
  readonly processed: number
  /** The whole of the phase, in the same unit. */
  readonly total: number
  /** Tokens of `total` that were in the cache already; prefill phases only. */
  readonly cached?: number
}

/** Called on the JavaScript thread, in order. What it throws, or rejects with, cancels the step and becomes its error. */
export type OnProgress = (progress: Progress) => void

/** The two options of every function that takes long; each schema says what they do there. */
export const onProgress = option({ field: callback<OnProgress>(), default: undefined })
export const signal = option({ field: abortSignal, default: undefined })
