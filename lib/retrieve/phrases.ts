/**
 * How well the order of a query's words is kept in each chunk of a document. BM25 looks at words alone: asked for a sentence of
 * common words it prefers chunks that are full of them. A phrase that occurs in few places is far rarer than its words, and that
 * is counted here.
 */
export class PhraseIndex {
  readonly #ids = new Map<string, number>()
  /** Word ids of the whole document in order. */
  readonly #words: Uint32Array
  /** Offset in `#words` where each chunk begins, and their number at the end. */
  readonly #starts: Uint32Array

  /** @param chunks the words of each chunk, in document order. */
  constructor(chunks: readonly (readonly string[])[]) {
    this.#starts = new Uint32Array(chunks.length + 1)
    this.#words = new Uint32Array(chunks.reduce((sum, words) => sum + words.length, 0))
    let at = 0
    for (const [chunk, words] of chunks.entries()) {
      this.#starts[chunk] = at
      for (const word of words) this.#words[at++] = this.#id(word)
    }
    this.#starts[chunks.length] = at
  }

  /**
   * Weight of the best run of consecutive query words in each chunk that has one of at least two words. A run weighs the sum of
   * its word pairs' inverse document frequencies `ln(1 + (N - n + 0.5) / (n + 0.5))`: N chunks, n of them with that pair.
   *
   * A run across a border counts for the chunks on both sides. One that ends up to `reach` words before the end of a chunk counts
   * half for the chunk after it: what follows a quoted phrase is often what was asked for.
   */
  bestRuns(query: readonly string[], reach = 16): Map<number, number> {
    const idf = this.#pairWeights(query)
    const best = new Map<number, number>()
    const credit = (chunk: number, weight: number): void => {
      if (weight > (best.get(chunk) ?? 0)) best.set(chunk, weight)
    }
    // weights[j]: of the run that ends in query word j at the current word of the document.
    const weights = new Float64Array(query.length)
    this.#eachRun(query, (chunk, at, j, length) => {
      const weight = (length > 2 ? weights[j - 1]! : 0) + idf[j]!
      weights[j] = weight
      credit(chunk, weight)
      for (let before = chunk; before > 0 && this.#starts[before]! > at - length + 1; before--) credit(before - 1, weight)
      if (chunk + 2 < this.#starts.length && at + reach >= this.#starts[chunk + 1]!) credit(chunk + 1, weight / 2)
    })
    return best
  }

  /** For query word j > 0: inverse document frequency of the pair (j - 1, j). */
  #pairWeights(query: readonly string[]): Float64Array {
    const chunks = this.#starts.length - 1
    const counts = new Uint32Array(query.length)
    const lastChunk = new Int32Array(query.length).fill(-1)
    this.#eachRun(query, (chunk, _at, j) => {
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
  #eachRun(query: readonly string[], visit: (chunk: number, at: number, j: number, length: number) => void): void {
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
    const words = this.#words
    for (let chunk = 0; chunk + 1 < this.#starts.length; chunk++) {
      for (let at = this.#starts[chunk]!; at < this.#starts[chunk + 1]!; at++) {
        const list = places[words[at]!]
        if (!list) continue
        for (const j of list) {
          const length = j > 0 && lastAt[j - 1] === at - 1 ? lengths[j - 1]! + 1 : 1
          lengths[j] = length
          lastAt[j] = at
          if (length > 1) visit(chunk, at, j, length)
        }
      }
    }
  }

  #id(word: string): number {
    const known = this.#ids.get(word)
    if (known !== undefined) return known
    this.#ids.set(word, this.#ids.size)
    return this.#ids.size - 1
  }
}
