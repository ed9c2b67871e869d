/** What JavaScript computes from a document's text before any question: its chunks, the search over them, the quotes in it. */

import { mapProgress, type Steps } from '../base/steps'
import { QuoteIndex } from '../cite/quote-index'
import { type Chunk, type ChunkOptions, chunkSteps } from '../document/chunk'
import { lexicalRetrieverSteps } from '../retrieve/lexical'
import type { Retriever } from '../retrieve/types'

export interface DocumentIndex {
  readonly chunks: readonly Chunk[]
  readonly retriever: Retriever
  readonly quotes: QuoteIndex
}

/** Goes over the text three times. Progress is the mean of the three, in whole UTF-16 code units of the text. */
export function* indexSteps(text: string, options: ChunkOptions): Steps<DocumentIndex> {
  let part = 0
  const next = <T>(steps: Steps<T>): Steps<T> => {
    const before = text.length * part++
    return mapProgress(steps, (processed) => Math.floor((before + processed) / 3))
  }
  const chunks = yield* next(chunkSteps(text, options))
  const retriever = yield* next(lexicalRetrieverSteps(text, chunks))
  const quotes = yield* next(QuoteIndex.build(text))
  return { chunks, retriever, quotes }
}
