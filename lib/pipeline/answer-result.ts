import type { Citation } from '../cite/quote-index'
import type { Mode } from '../options/ask'
import type { DrafterInfo } from './drafter'
import type { SpeculationStats } from './statistics'

/** A passage that the draft model was given: its span of the document and its retrieval score. */
export interface UsedChunk {
  /** Offset of its first UTF-16 code unit in `doc.text`. */
  readonly start: number
  /** Offset after its last UTF-16 code unit. */
  readonly end: number
  /** The retriever's score; 0 for a chunk that the caller named, or that was not found but taken as a sample of the document. */
  readonly score: number
}

/** What an answer cost, and how drafting went. Times are in milliseconds. */
export interface AnswerStats {
  /** The mode that the question was asked in. */
  readonly mode: Mode
  /** Who drafted; of two, the one that drafted most rounds. `speculation.drafters` has both. */
  readonly drafter: DrafterInfo
  /** Tokens of the target's prompt, the document's included; 0 in `rag` mode. */
  readonly promptTokens: number
  /**
   * Tokens that the draft model reads before the answer: of a prompt of its own, or where `drafter.cache` is `shared`, of the target's,
   * read in the cache; 0 in `plain` mode. In `lossless` with automatic draft lengths a prompt of its own is only read when that
   * should pay: `speculation.readTokens` has the tokens that were read.
   */
  readonly draftPromptTokens: number
  /** Time to bring this question's prompts into the caches of both models; the document itself was read before (`doc.readMs`). */
  readonly prefillMs: number
  /** Time from the call of `ask()` to the first token; to the end of an answer without tokens. */
  readonly timeToFirstTokenMs: number
  /** Tokens of the answer. With a stop string: of the whole rounds that were computed until it was complete. */
  readonly decodeTokens: number
  /** Tokens of the answer over the time from the end of the prefill to the end of the answer. */
  readonly decodeTokensPerSecond: number
  /** Passes of the target, each verifying the tokens drafted since the last one. */
  readonly rounds: number
  /** Tokens that were drafted. */
  readonly drafted: number
  /** Drafted tokens that were accepted. */
  readonly accepted: number
  /** Entry i: how often the i-th drafted token of a round was accepted; as long as the longest draft. */
  readonly acceptedByPosition: readonly number[]
  /** How the rounds drafted, and the estimates that the choices rest on. */
  readonly speculation: SpeculationStats
}

/** Why the answer ended: the model's stop token, `maxTokens`, a full context, or one of the `stop` strings. */
export type FinishReason = 'stop' | 'length' | 'context' | 'stop-string'

/** A complete answer. */
export interface AnswerResult {
  /** All deltas of the stream, joined. */
  readonly text: string
  /** What the answer quotes from the document, in the order of the answer. */
  readonly citations: readonly Citation[]
  /** What the draft model read, in document order; none in `plain` mode. */
  readonly chunks: readonly UsedChunk[]
  /** Why the answer ended. */
  readonly finishReason: FinishReason
  /** What the answer cost, and how drafting went. */
  readonly stats: AnswerStats
}
