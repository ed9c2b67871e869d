import MiniSearch from 'minisearch'
import type { Span } from '../document/chunk'
import { RagdraftError } from '../errors'
import { PhraseIndex } from './phrases'
import { terms } from './terms'
import type { Retriever, ScoredChunk } from './types'

// A pair of words counts as much as a word that BM25 saturates on (k1 + 1, k1 = 1.2).
const PHRASE_WEIGHT = 2.2

// No term has one, so that MiniSearch can be given terms that are ready made.
const TERM_END = '\n'

interface IndexedChunk {
  readonly id: number
  readonly terms: string
}

/**
 * Indexes the chunks of a document for lexical search: BM25 over the terms of `terms.ts`, plus the weight of the longest phrase that
 * query and chunk share (`phrases.ts`; docs/decisions/0002-lexical-retrieval.md says why). No model, no network, the same result
 * everywhere.
 *
 * A chunk is found if it shares a word with the query, or follows closely on a phrase of it.
 */
export function lexicalRetriever(document: string, chunks: readonly Span[]): Retriever {
  const bm25 = new MiniSearch<IndexedChunk>({
    fields: ['terms'],
    tokenize: (terms) => terms.split(TERM_END),
    processTerm: (term) => term,
  })
  const sequences: string[][] = []
  for (const [id, { start, end }] of chunks.entries()) {
    const { sequence, extra } = terms(document.slice(start, end))
    sequences.push(sequence)
    bm25.add({ id, terms: sequence.concat(extra).join(TERM_END) })
  }
  const phrases = new PhraseIndex(sequences)
  return { search: (query, limit) => search(bm25, phrases, query, limit) }
}

function search(bm25: MiniSearch<IndexedChunk>, phrases: PhraseIndex, query: string, limit: number): ScoredChunk[] {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `limit must be a positive integer, not ${limit}`)
  }
  const { sequence, extra } = terms(query)
  const scores = new Map<number, number>()
  // MiniSearch multiplies each sum by the number of query terms that matched; plain BM25 does not.
  const found = bm25.search([...new Set([...sequence, ...extra])].join(TERM_END))
  for (const { id, score, queryTerms } of found) scores.set(id, score / queryTerms.length)
  for (const [index, weight] of phrases.bestRuns(sequence)) scores.set(index, (scores.get(index) ?? 0) + PHRASE_WEIGHT * weight)
  return [...scores]
    .map(([index, score]) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, limit)
}
