/** What a drafter in the target's cache reads for one question: the pages of the prompt's beginning, of the chosen chunks, and its end. */
import { concatTokens } from '../prompt/segments'
import type { DraftContext } from './draft-context'
import type { PreparedDocument } from './read'
import type { RetrievedChunks } from './retrieve'

/** A selection of more than this share of the prefix leaves out so little that all of it is read instead. */
const wholeShare = 0.75

/**
 * @param suffix what follows the document in the target's prompt
 * @param pageTokens tokens of a page of the cache, which is read as a whole or not at all
 */
export function sharedContext(
  document: PreparedDocument,
  retrieved: RetrievedChunks,
  suffix: Int32Array,
  pageTokens: number,
): DraftContext {
  const chunks = retrieved.choose(Infinity)
  const { prefix, chunkStarts } = document
  const tail = prefix.length - (prefix.length % pageTokens) // from here on everything is read
  // BOS and the instruction: what every token attends to.
  const wanted = [
    [0, Math.max(1, chunkStarts[0]!)] as const,
    ...chunks.map(({ index }) => [chunkStarts[index]!, chunkStarts[index + 1]!] as const),
  ]
  const ranges: { begin: number; end: number }[] = []
  for (const [first, end] of wanted) {
    const range = { begin: first - (first % pageTokens), end: Math.min(tail, Math.ceil(end / pageTokens) * pageTokens) }
    const last = ranges.at(-1)
    if (last && range.begin <= last.end) last.end = Math.max(last.end, range.end)
    else if (range.begin < range.end) ranges.push(range)
  }
  const selected = ranges.reduce((sum, { begin, end }) => sum + end - begin, 0)
  const kept = selected > wholeShare * tail ? [{ begin: 0, end: tail }] : ranges
  return {
    chunks,
    tokens: concatTokens([...kept.map(({ begin, end }) => prefix.subarray(begin, end)), prefix.subarray(tail), suffix]),
    cache: { kind: 'shared', ranges: Int32Array.from(kept.flatMap(({ begin, end }) => [begin, end])), tail },
  }
}
