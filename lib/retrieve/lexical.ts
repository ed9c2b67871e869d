import MiniSearch from 'minisearch'
import { RagdraftError } from '../base/errors'
import { finish, type Steps } from '../base/steps'
import type { Span } from '../document/chunk'
import { PhraseIndex } from './phrases'
import { terms } from './terms'
import type { Retriever, ScoredChunk } from './types'

// A pair of words counts as much as a word that BM25 saturates on (k1 + 1, k1 = 1.2).
const PHRASE_WEIGHT = 2.2

// Terms of a query that are looked up in one step.
const TERMS_PER_STEP = 8

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
  return finish(lexicalRetrieverSteps(document, chunks))
}

/** {@link lexicalRetriever} in steps of one chunk each; progress is in UTF-16 code units of the document. */
export function* lexicalRetrieverSteps(document: string, chunks: readonly Span[]): Steps<Retriever> {
  const bm25 = new MiniSearch<IndexedChunk>({
    fields: ['terms'],
    tokenize: (terms) => terms.split(TERM_END),
    processTerm: (term) => term,
  })
  const phrases = new PhraseIndex()
  for (const [id, { start, end }] of chunks.entries()) {
    const { sequence, extra } = terms(document.slice(start, end))
    phrases.add(sequence)
    bm25.add({ id, terms: sequence.concat(extra).join(TERM_END) })
    yield end
  }
  return { search: (query, limit) => search(bm25, phrases, query, limit) }
}

function* search(bm25: MiniSearch<IndexedChunk>, phrases: PhraseIndex, query: string, limit: number): Steps<ScoredChunk[]> {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `limit must be a positive integer, not ${limit}`)
  }
  const { sequence, extra } = terms(query)
  const scores = new Map<number, number>()
  const credit = (index: number, score: number): void => void scores.set(index, (scores.get(index) ?? 0) + score)
  const wanted = [...new Set([...sequence, ...extra])]
  for (let at = 0; at < wanted.length; at += TERMS_PER_STEP) {
    // BM25 is a sum over terms. MiniSearch multiplies it by the number of query terms that matched; plain BM25 does not.
    const found = bm25.search(wanted.slice(at, at + TERMS_PER_STEP).join(TERM_END))
    for (const { id, score, queryTerms } of found) credit(id, score / queryTerms.length)
    yield at
  }
  for (const [index, weight] of yield* phrases.bestRuns(sequence)) credit(index, PHRASE_WEIGHT * weight)
  return [...scores]
    .map(([index, score]) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, limit)
}
