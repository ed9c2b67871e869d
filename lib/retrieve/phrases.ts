import type { Steps } from '../base/steps'

/**
 * How well the order of a query's words is kept in each chunk of a document. BM25 looks at words alone: asked for a sentence of
 * common words it prefers chunks that are full of them. A phrase that occurs in few places is far rarer than its words, and that
 * is counted here.
 */
export class PhraseIndex {
  readonly #ids = new Map<string, number>()
  /** Word ids of each chunk. */
  readonly #chunks: Uint32Array[] = []
  /** Words of the document before each chunk, and before its end. */
  readonly #starts: number[] = [0]

  /** @param words of the next chunk in document order */
  add(words: readonly string[]): void {
    this.#chunks.push(Uint32Array.from(words, (word) => this.#id(word)))
    this.#starts.push(this.#starts.at(-1)! + words.length)
  }

  /**
   * Weight of the best run of consecutive query words in each chunk that has one of at least two words. A run weighs the sum of
   * its word pairs' inverse document frequencies `ln(1 + (N - n + 0.5) / (n + 0.5))`: N chunks, n of them with that pair.
   *
   * A run across a border counts for the chunks on both sides. One that ends up to `reach` words before the end of a chunk counts
   * half for the chunk after it: what follows a quoted phrase is often what was asked for.
   *
   * One chunk is a step; every chunk is looked at twice.
   */
  *bestRuns(query: readonly string[], reach = 16): Steps<Map<number, number>> {
    const idf = yield* this.#pairWeights(query)
    const best = new Map<number, number>()
    const credit = (chunk: number, weight: number): void => {
      if (weight > (best.get(chunk) ?? 0)) best.set(chunk, weight)
    }
    // weights[j]: of the run that ends in query word j at the current word of the document.
    const weights = new Float64Array(query.length)
    yield* this.#eachRun(query, (chunk, at, j, length) => {
      const weight = (length > 2 ? weights[j - 1]! : 0) + idf[j]!
      weights[j] = weight
      credit(chunk, weight)
      for (let before = chunk; before > 0 && this.#starts[before]! > at - length + 1; before--) credit(before - 1, weight)
      if (chunk + 1 < this.#chunks.length && at + reach >= this.#starts[chunk + 1]!) credit(chunk + 1, weight / 2)
    })
    return best
  }

  /** For query word j > 0: inverse document frequency of the pair (j - 1, j). */
  *#pairWeights(query: readonly string[]): Steps<Float64Array> {
    const chunks = this.#chunks.length
    const counts = new Uint32Array(query.length)
    const lastChunk = new Int32Array(query.length).fill(-1)
    yield* this.#eachRun(query, (chunk, _at, j) => {
      if (lastChunk[j] === chunk) return
      lastChunk[j] = chunk
      counts[j]!++
    })
    return Float64Array.from(counts, (n) => Math.log(1 + (chunks - n + 0.5) / (n + 0.5)))
  }

  /**
   * Visits every place where at least two consecutive words are consecutive words of the query: document word `at` in `chunk` is query
   * word `j` and ends a common run of `length` words. For one document word, `j` descends, so that state of j - 1 is still that of
   * the word before.
   */
  *#eachRun(query: readonly string[], visit: (chunk: number, at: number, j: number, length: number) => void): Steps<void> {
    // By word id: an array, because it is read for every word of the document.
    const places: (number[] | undefined)[] = Array.from({ length: this.#ids.size })
    for (let j = query.length - 1; j >= 0; j--) {
      const id = this.#ids.get(query[j]!)
      if (id === undefined) continue
      const list = places[id]
      if (list) list.push(j)
      else places[id] = [j]
    }
    // lengths[j] belongs to document word lastAt[j]: older ones count as 0, so nothing has to be cleared between words.
    const lengths = new Uint32Array(query.length)
    const lastAt = new Int32Array(query.length).fill(-2)
    for (const [chunk, words] of this.#chunks.entries()) {
      const start = this.#starts[chunk]!
      for (const [i, word] of words.entries()) {
        const list = places[word]
        if (!list) continue
        const at = start + i
        for (const j of list) {
          const length = j > 0 && lastAt[j - 1] === at - 1 ? lengths[j - 1]! + 1 : 1
          lengths[j] = length
          lastAt[j] = at
          if (length > 1) visit(chunk, at, j, length)
        }
      }
      yield chunk
    }
  }

  #id(word: string): number {
    const known = this.#ids.get(word)
    if (known !== undefined) return known
    this.#ids.set(word, this.#ids.size)
    return this.#ids.size - 1
  }
}
