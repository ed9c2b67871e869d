/** What is computed from a document's text before any question: its chunks, the search over them, the index of what can be quoted. */

import { inSlices, type Steps } from '../base/steps'
import { QuoteIndex } from '../cite/quote-index'
import { type Chunk, type ChunkOptions, chunkSteps } from '../document/chunk'
import { type IndexContext, indexChunks, type Retriever } from '../retrieve/retriever'

export interface DocumentIndex {
  readonly chunks: readonly Chunk[]
  readonly retriever: Retriever
  readonly quotes: QuoteIndex
}

/** Goes over the text three times. Progress is the mean of the three, in whole UTF-16 code units; the whole text is told once, at the end. */
export async function indexDocument(
  text: string,
  options: ChunkOptions,
  retriever: Retriever,
  { signal, onProgress }: IndexContext,
): Promise<DocumentIndex> {
  const progressAfter = (passes: number) => (processed: number) => {
    const mean = Math.floor((text.length * passes + processed) / 3)
    if (mean < text.length) onProgress(mean)
  }
  const run = <T>(steps: Steps<T>, passesBefore: number) => inSlices(steps, { signal, onProgress: progressAfter(passesBefore) })
  const chunks = await run(chunkSteps(text, options), 0)
  await indexChunks(retriever, text, chunks, { signal, onProgress: progressAfter(1) })
  const quotes = await run(QuoteIndex.build(text), 2)
  onProgress(text.length)
  return { chunks, retriever, quotes }
}
