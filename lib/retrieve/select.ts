import { RagdraftError } from '../base/errors'
import type { Chunk } from '../document/chunk'
import type { ScoredChunk } from './types'

/** A chunk chosen for the drafter's context. */
export interface SelectedChunk extends Chunk {
  /** The retriever's score; 0 if the chunk was not found but taken as a sample of the document. */
  readonly score: number
}

export interface Selection {
  /** In document order, without duplicates, never empty. */
  readonly chunks: SelectedChunk[]
  /** `retrieved`: the best hits. `spread`: no hit was usable, so these are chunks spread evenly over the document. */
  readonly source: 'retrieved' | 'spread'
}

export interface SelectOptions {
  /** All chunks of the document, in order; at least one. */
  readonly chunks: readonly Chunk[]
  /** What the retriever found, best first. */
  readonly hits: readonly ScoredChunk[]
  /** Length of the document in tokens; sets the default of `maxChunks`. */
  readonly documentTokens: number
  /** Greatest length of a chunk in tokens, as the document was cut. */
  readonly chunkTokens: number
  /** Number of chunks wanted at most, an integer of at least 1. Default {@link chunkBudget}. */
  readonly maxChunks?: number | undefined
  /** Hits with a lower score are not used. In the retriever's unit; default: all hits are used. */
  readonly minScore?: number | undefined
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
 * Chooses the chunks that the drafter reads: the best hits within the budget, restored to document order.
 *
 * Without a usable hit (nothing in common with the question, or all below `minScore`, or none fits) there is still a drafter to feed: it
 * then gets as many chunks as the budget allows, evenly spread from the first to the last, and `source` says so. The target reads the
 * whole document either way, so that this costs speed, never correctness.
 *
 * @throws ERR_INVALID_ARGUMENT if there are no chunks, a number is out of range, a hit names no chunk, or not even the
 *   shortest chunk fits into `budgetTokens`.
 */
export function selectChunks(options: SelectOptions): Selection {
  const { chunks, hits, documentTokens, chunkTokens, minScore = -Infinity, budgetTokens = Infinity } = options
  if (chunks.length === 0) throw new RagdraftError('ERR_INVALID_ARGUMENT', 'a document without chunks has nothing to select')
  requireAbove('documentTokens', documentTokens, 0)
  requireAbove('chunkTokens', chunkTokens, 0)
  const maxChunks = options.maxChunks ?? chunkBudget(documentTokens, chunkTokens)
  if (!Number.isSafeInteger(maxChunks) || maxChunks < 1) {
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `maxChunks must be a positive integer, not ${maxChunks}`)
  }
  if (Number.isNaN(minScore)) throw new RagdraftError('ERR_INVALID_ARGUMENT', 'minScore must be a number')
  requireAbove('budgetTokens', budgetTokens, 0)

  const retrieved = take(
    chunks,
    hits.filter(({ score }) => score >= minScore),
    maxChunks,
    budgetTokens,
  )
  if (retrieved.length > 0) return { chunks: retrieved, source: 'retrieved' }
  const spread = spreadChunks(chunks, maxChunks, budgetTokens)
  if (spread.length > 0) return { chunks: spread, source: 'spread' }
  const shortest = chunks.reduce((least, { tokens }) => Math.min(least, tokens), Infinity)
  throw new RagdraftError('ERR_INVALID_ARGUMENT', `budgetTokens is ${budgetTokens}, but the shortest chunk has ${shortest} tokens`, {
    details: { budgetTokens, shortestChunkTokens: shortest },
  })
}

/** The first hits within both bounds, in document order. */
function take(chunks: readonly Chunk[], hits: readonly ScoredChunk[], maxChunks: number, budgetTokens: number): SelectedChunk[] {
  const taken = new Map<number, SelectedChunk>()
  let room = budgetTokens
  for (const { index, score } of hits) {
    if (taken.size === maxChunks) break
    const chunk = chunks[index]
    if (!chunk) throw new RagdraftError('ERR_INVALID_ARGUMENT', `there is no chunk ${index}: the document has ${chunks.length}`)
    if (chunk.tokens > room || taken.has(index)) continue
    room -= chunk.tokens
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

function requireAbove(name: string, value: number, bound: number): void {
  if (!(value > bound)) throw new RagdraftError('ERR_INVALID_ARGUMENT', `${name} must be greater than ${bound}, not ${value}`)
}
