/** Which chunks of the document the drafter reads for a question: those that the caller names, or the best that retrieval finds. */

import { inSlices } from '../base/steps'
import type { AskSettings } from '../options/options'
import { chunkBudget, type SelectedChunk, selectChunks } from '../retrieve/select'
import type { Reading } from './read'

/** Chunks in document order whose sum of tokens is within a budget. */
export type ChooseChunks = (budgetTokens: number) => readonly SelectedChunk[]

/** The chunks that the caller named, in document order; undefined where none were. */
export function namedChunks(reading: Reading, { chunks }: AskSettings): readonly SelectedChunk[] | undefined {
  if (!chunks) return undefined
  const indices = [...new Set(chunks)].sort((a, b) => a - b)
  return indices.map((index) => ({ ...reading.chunks[index]!, score: 0 }))
}

/** Searches once; the function then chooses among what was found. Rejects with `signal.reason` on abort. */
export async function retrieveChunks(
  reading: Reading,
  question: string,
  { maxChunks }: AskSettings,
  signal: AbortSignal,
): Promise<ChooseChunks> {
  const { chunks, documentTokens, chunkTokens, retriever } = reading
  const most = maxChunks ?? chunkBudget(documentTokens, chunkTokens)
  // More hits than wanted: one that is too long for the room is passed over for the next.
  const hits = await inSlices(retriever.search(question, 2 * most), { signal })
  return (budgetTokens) => selectChunks({ chunks, hits, documentTokens, chunkTokens, maxChunks: most, budgetTokens }).chunks
}
