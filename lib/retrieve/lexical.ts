import MiniSearch from 'minisearch'
import { inSlices, type Steps } from '../base/steps'
import type { Span } from '../document/chunk'
import { PhraseIndex } from './phrases'
import type { Hit, IndexContext, Retriever } from './retriever'
import { terms } from './terms'

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
 * The default retriever: BM25 over the terms of `terms.ts`, plus the weight of the longest phrase that query and chunk share
 * (`phrases.ts`; docs/decisions/0002-lexical-retrieval.md says why). No model, no network, the same result everywhere: equal scores
 * are in document order.
 *
 * A chunk is found if it shares a word with the query, or follows closely on a phrase of it. A question of a page takes about half a
 * second in a book of a thousand pages; index and search run in steps of some milliseconds.
 */
export class LexicalRetriever implements Retriever {
  readonly #bm25 = new MiniSearch<IndexedChunk>({
    fields: ['terms'],
    tokenize: (terms) => terms.split(TERM_END),
    processTerm: (term) => term,
  })
  readonly #phrases = new PhraseIndex()

  index(document: string, chunks: readonly Span[], context: IndexContext): Promise<void> {
    return inSlices(this.indexSteps(document, chunks), context)
  }

  search(query: string, k: number, signal: AbortSignal): Promise<Hit[]> {
    return inSlices(this.searchSteps(query, k), { signal })
  }

  /** {@link index} in steps of a chunk; progress is in UTF-16 code units of the document. */
  *indexSteps(document: string, chunks: readonly Span[]): Steps<void> {
    for (const [id, { start, end }] of chunks.entries()) {
      const { sequence, extra } = terms(document.slice(start, end))
      this.#phrases.add(sequence)
      this.#bm25.add({ id, terms: sequence.concat(extra).join(TERM_END) })
      yield end
    }
  }

  /** {@link search} in steps of some terms, then of a chunk. */
  *searchSteps(query: string, k: number): Steps<Hit[]> {
    const { sequence, extra } = terms(query)
    const scores = new Map<number, number>()
    const credit = (index: number, score: number): void => void scores.set(index, (scores.get(index) ?? 0) + score)
    const wanted = [...new Set([...sequence, ...extra])]
    for (let at = 0; at < wanted.length; at += TERMS_PER_STEP) {
      // BM25 is a sum over terms. MiniSearch multiplies it by the number of query terms that matched; plain BM25 does not.
      const found = this.#bm25.search(wanted.slice(at, at + TERMS_PER_STEP).join(TERM_END))
      for (const { id, score, queryTerms } of found) credit(id, score / queryTerms.length)
      yield at
    }
    for (const [index, weight] of yield* this.#phrases.bestRuns(sequence)) credit(index, PHRASE_WEIGHT * weight)
    return [...scores]
      .map(([index, score]) => ({ index, score }))
      .sort((a, b) => b.score - a.score || a.index - b.index)
      .slice(0, k)
  }
}
