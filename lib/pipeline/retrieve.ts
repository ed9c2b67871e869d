/** Which chunks of the document the draft model reads for a question: those that the caller names, or the best that retrieval finds. */

import type { AskSettings } from '../options/ask'
import { searchChunks } from '../retrieve/retriever'
import { chunkBudget, type SelectedChunk, selectChunks } from '../retrieve/select'
import type { PreparedDocument } from './read'

/** What a question's draft model may read. */
export interface RetrievedChunks {
  /** The caller named the chunks: all of them are read. */
  readonly named: boolean
  /** Chunks in document order, whose sum of tokens is within the budget unless they were named. */
  choose(budgetTokens: number): readonly SelectedChunk[]
}

/** Searches once. @throws what the retriever throws; `signal.reason` on abort */
export async function retrieve(
  { chunks, documentTokens, chunkTokens, retriever }: PreparedDocument,
  question: string,
  { maxChunks = chunkBudget(documentTokens, chunkTokens), chunks: named }: AskSettings,
  signal: AbortSignal,
): Promise<RetrievedChunks> {
  if (named) {
    const indices = [...new Set(named)].sort((a, b) => a - b)
    const chosen = indices.map((index) => ({ ...chunks[index]!, score: 0 }))
    return { named: true, choose: () => chosen }
  }
  // More hits than wanted: one that does not fit the budget is passed over for the next.
  const hits = await searchChunks(retriever, question, 2 * maxChunks, chunks.length, signal)
  return { named: false, choose: (budgetTokens) => selectChunks({ chunks, hits, maxChunks, budgetTokens }) }
}
