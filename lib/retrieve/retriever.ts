import { untilAborted } from '../base/abort'
import type { Chunk } from '../document/chunk'
import { field, invalid } from '../options/fields'

/** A chunk that a search found. */
export interface Hit {
  /** Index of the chunk in the list that was indexed, from 0. */
  readonly index: number
  /** Relevance, a finite number; greater is better. Only compared within one search, so the unit is the retriever's own. */
  readonly score: number
}

/** What {@link Retriever.index} may listen to and report to. */
export interface IndexContext {
  /** Aborts when the opening of the document is cancelled. The promise of `open()` then rejects at once, without waiting for the index. */
  readonly signal: AbortSignal
  /** May be called with the UTF-16 code units of the document that are done, 0 to its length; it becomes part of phase `index`. */
  readonly onProgress: (processed: number) => void
}

/**
 * Finds the chunks of one document that matter for a question. `open({ retriever })` takes one of yours, for example over embeddings;
 * the default is lexical (BM25 and phrases), needs no model and finds the same everywhere. One retriever serves one document.
 *
 * What either function throws or rejects with is what `open()` or the answer rejects with, unchanged. Both run on the JavaScript thread:
 * long computations should give the event loop a turn now and then.
 *
 * @example
 * const retriever: Retriever = {
 *   async index(document, chunks, { signal }) {
 *     vectors = await embed(chunks.map(({ start, end }) => document.slice(start, end)), { signal })
 *   },
 *   async search(query, k, signal) {
 *     const [wanted] = await embed([query], { signal })
 *     const hits = vectors.map((vector, index) => ({ index, score: dot(vector, wanted) }))
 *     return hits.sort((a, b) => b.score - a.score).slice(0, k)
 *   },
 * }
 * const doc = await model.open({ path: 'book.txt' }, { retriever })
 */
export interface Retriever {
  /**
   * Prepares the search; called once, before any search.
   * @param document the whole text
   * @param chunks the pieces to find, which tile the text: `document.slice(start, end)` is the text of one, `tokens` its length
   */
  index(document: string, chunks: readonly Chunk[], context: IndexContext): Promise<void>
  /**
   * The best chunks for a query, best first. Several searches may run at the same time.
   * @param query the question as it was asked
   * @param k how many hits can be used, at least 1; more are allowed, fewer or none too: where no hit is usable, chunks spread evenly
   *   over the document are read
   * @param signal aborts when the question is cancelled, which does not wait for the search
   */
  search(query: string, k: number, signal: AbortSignal): Promise<readonly Hit[]>
}

export const retrieverField = field<Retriever>('an object with the functions index and search', (value) => {
  const { index, search } = (value ?? {}) as Partial<Retriever>
  return typeof index === 'function' && typeof search === 'function' ? (value as Retriever) : undefined
})

/** Has a retriever of any origin index a document. `onProgress` is called with ascending numbers of code units. */
export async function indexChunks(retriever: Retriever, document: string, chunks: readonly Chunk[], context: IndexContext): Promise<void> {
  let done = 0
  const onProgress = (processed: number) => {
    if (!(processed > done) || context.signal.aborted) return
    done = Math.min(processed, document.length)
    context.onProgress(done)
  }
  await untilAborted(context.signal, () => retriever.index(document, chunks, { signal: context.signal, onProgress }))
}

/**
 * Searches with a retriever of any origin.
 * @throws ERR_INVALID_ARGUMENT if it gives anything but hits of the `chunkCount` chunks; what it throws; `signal.reason` on abort
 */
export async function searchChunks(
  retriever: Retriever,
  query: string,
  k: number,
  chunkCount: number,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  const hits: unknown = await untilAborted(signal, () => retriever.search(query, k, signal))
  if (!Array.isArray(hits)) throw invalid("the result of the retriever's search()", 'an array of { index, score }', hits)
  return Array.from(hits, (hit: Partial<Hit> | null | undefined, i) => {
    const { index, score } = hit ?? {}
    const name = `the retriever's hit ${i}`
    if (!Number.isInteger(index) || index! < 0 || index! >= chunkCount) {
      throw invalid(`index of ${name}`, `an integer from 0 to ${chunkCount - 1}, a chunk of the document`, index)
    }
    if (!Number.isFinite(score)) throw invalid(`score of ${name}`, 'a finite number', score)
    return { index: index!, score: score! }
  })
}
