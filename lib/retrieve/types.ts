import type { Steps } from '../base/steps'

/** A chunk that a search found. */
export interface ScoredChunk {
  /** Index of the chunk in the list the retriever was built from. */
  readonly index: number
  /** Relevance, greater is better. Only comparable within one search; its unit is the retriever's own. */
  readonly score: number
}

/** Finds the chunks of one document that matter for a question. */
export interface Retriever {
  /**
   * The best chunks for a query, best first; equal scores in document order. The same query gives the same answer every time.
   * The steps matter where both are long: a question of a page takes about half a second in a book of a thousand.
   * @param query any text; one that has nothing in common with the document gives an empty list.
   * @param limit the greatest number of chunks wanted, an integer of at least 1.
   * @throws ERR_INVALID_ARGUMENT if `limit` is anything else.
   */
  search(query: string, limit: number): Steps<ScoredChunk[]>
}
