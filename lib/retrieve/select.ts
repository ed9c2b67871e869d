import { RagdraftError } from '../base/errors'
import type { Chunk } from '../document/chunk'
import type { Hit } from './retriever'

/** A chunk chosen for the drafter's context. */
export interface SelectedChunk extends Chunk {
  /** The retriever's score; 0 if the chunk was not found but taken as a sample of the document. */
  readonly score: number
}

export interface SelectOptions {
  /** All chunks of the document, in order; at least one. */
  readonly chunks: readonly Chunk[]
  /** What the retriever found, best first. */
  readonly hits: readonly Hit[]
  /** Number of chunks wanted at most, an integer of at least 1. */
  readonly maxChunks: number
  /** Greatest sum of the chosen chunks' tokens. A hit that does not fit is passed over for the next. Default: no bound. */
  readonly budgetTokens?: number | undefined
}

/**
 * The reference's rule for how much a drafter reads: `ceil(max(len / (24 * chunk), min(4096, len) / chunk))` chunks, that is 4,096
 * tokens up to a document of 98,304 tokens, and 1/24 of the document beyond.
 */
export function chunkBudget(documentTokens: number, chunkTokens: number): number {
  return Math.max(1, Math.ceil(Math.max(documentTokens / (24 * chunkTokens), Math.min(4096, documentTokens) / chunkTokens)))
}

/**
 * Chooses the chunks that the draft model reads: the best hits within the budget, in document order and without duplicates.
 *
 * Without a usable hit (nothing in common with the question, or none fits) the draft model still needs something to read: it then gets as
 * many chunks as the budget allows, evenly spread from the first to the last. The target reads the whole document either way, so that
 * this costs speed, never correctness.
 *
 * @throws ERR_INVALID_ARGUMENT if not even the shortest chunk fits into `budgetTokens`.
 */
export function selectChunks({ chunks, hits, maxChunks, budgetTokens = Infinity }: SelectOptions): SelectedChunk[] {
  const retrieved = take(chunks, hits, maxChunks, budgetTokens)
  if (retrieved.length > 0) return retrieved
  const spread = spreadChunks(chunks, maxChunks, budgetTokens)
  if (spread.length > 0) return spread
  const shortest = chunks.reduce((least, { tokens }) => Math.min(least, tokens), Infinity)
  throw new RagdraftError('ERR_INVALID_ARGUMENT', `budgetTokens is ${budgetTokens}, but the shortest chunk has ${shortest} tokens`, {
    details: { budgetTokens, shortestChunkTokens: shortest },
  })
}

/** The first hits within both bounds, in document order. */
function take(chunks: readonly Chunk[], hits: readonly Hit[], maxChunks: number, budgetTokens: number): SelectedChunk[] {
  const taken = new Map<number, SelectedChunk>()
  let left = budgetTokens
  for (const { index, score } of hits) {
    if (taken.size === maxChunks) break
    const chunk = chunks[index]!
    if (chunk.tokens > left || taken.has(index)) continue
    left -= chunk.tokens
    taken.set(index, { ...chunk, score })
  }
  return [...taken.values()].sort((a, b) => a.index - b.index)
}

/** About as many chunks as fit, evenly spread; among those short enough to fit at all. A few tries, whatever `maxChunks` is. */
function spreadChunks(chunks: readonly Chunk[], maxChunks: number, budgetTokens: number): SelectedChunk[] {
  const usable = chunks.filter(({ tokens }) => tokens <= budgetTokens)
  for (let count = Math.min(maxChunks, usable.length); count > 0; ) {
    const hits = Array.from({ length: count }, (_, i) => usable[count === 1 ? 0 : Math.round((i * (usable.length - 1)) / (count - 1))]!)
    const used = hits.reduce((sum, { tokens }) => sum + tokens, 0)
    if (used <= budgetTokens) return hits.map((chunk) => ({ ...chunk, score: 0 }))
    // As many as would fit by the mean length of these; at least one fewer.
    count = Math.min(count - 1, Math.ceil((count * budgetTokens) / used))
  }
  return []
}
