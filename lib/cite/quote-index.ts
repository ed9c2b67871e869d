import { Int32List } from '../base/int32-list'
import type { Steps } from '../base/steps'
import type { Span } from '../document/chunk'
import { equalButFirstCase, type QuoteWord, quoteWords, type WordKind } from './quote-words'

/** A place of the document that an answer quotes. */
export interface Citation extends Span {
  /** `document.slice(start, end)`: the document's own characters, which may differ from the answer's in whitespace and quote style. */
  readonly text: string
}

/** What a word adds to the length of a quote, of which 1 is enough: 5 words between spaces, or 12 characters of a script without. */
const WEIGHTS: Readonly<Record<WordKind, number>> = { word: 1 / 5, character: 1 / 12, mark: 0 }

/** A run of answer words that is also a run of document words. */
interface Match {
  /** Its first word in the answer and in the document. */
  readonly answerAt: number
  readonly documentAt: number
  /** In words. */
  readonly length: number
}

/** An answer in the document's terms. */
interface Answer {
  readonly words: readonly QuoteWord[]
  /** Per word its key (see {@link QuoteIndex}), or UNKNOWN. */
  readonly keys: Int32Array
  /** Per word what it adds to a quote's length; a run that adds up to 1 is long enough to be cited. */
  readonly weights: Float64Array
}

const UNKNOWN = -1
const NONE = -1

const WORDS_PER_STEP = 1024

/** A document prepared for finding what answers quote from it. Holds about 30 bytes per word. */
export class QuoteIndex {
  readonly #document: string
  /** Per word its key: 2 * number in the vocabulary + 1 if whitespace stands before it. */
  #keys: Int32Array = new Int32Array()
  /** Per word its offsets. */
  #starts: Int32Array = new Int32Array()
  #ends: Int32Array = new Int32Array()
  readonly #vocabulary: string[] = []
  readonly #numbers = new Map<string, number>()
  /** Hash chains of word pairs, ascending: a pair's first place by hash, and for each place the next with the same hash. */
  #heads: Int32Array = new Int32Array()
  #next: Int32Array = new Int32Array()

  private constructor(document: string) {
    this.#document = document
  }

  /** Prepares a document; progress is in UTF-16 code units of it. */
  static *build(document: string): Steps<QuoteIndex> {
    const index = new QuoteIndex(document)
    yield* index.#addWords()
    yield* index.#chainPairs()
    return index
  }

  /** Most of the work: progress goes up to the end. */
  *#addWords(): Steps<void> {
    const keys = new Int32List()
    const starts = new Int32List()
    const ends = new Int32List()
    for (const { text, start, end, spaced } of quoteWords(this.#document)) {
      keys.push(key(this.#number(text), spaced))
      starts.push(start)
      ends.push(end)
      if (keys.length % WORDS_PER_STEP === 0) yield end
    }
    this.#keys = keys.toArray()
    this.#starts = starts.toArray()
    this.#ends = ends.toArray()
  }

  *#chainPairs(): Steps<void> {
    const count = this.#keys.length
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(count + 1))).fill(NONE)
    this.#next = new Int32Array(count)
    for (let at = count - 2; at >= 0; at--) {
      const hash = this.#hash(this.#keys[at]!, this.#keys[at + 1]!)
      this.#next[at] = this.#heads[hash]!
      this.#heads[hash] = at
      if (at % WORDS_PER_STEP === 0) yield this.#document.length
    }
  }

  /**
   * The passages of the document that an answer repeats word for word, in the order of the answer.
   *
   * Words and punctuation must be the same; whitespace may differ in kind and amount, quotation marks in style, and the first letter of
   * a passage in case (an answer begins with a capital where the document is in mid-sentence). Passages begin and end at word
   * boundaries of both texts, so a word that the answer's end cuts off is left out. Each is as long as possible. Of several equally long
   * places the first one within `within` is cited, or else the first. Passages that overlap or touch in the document become one.
   *
   * One word of the answer is a step.
   *
   * @param within where the answer probably comes from, such as the retrieved chunks: preferred among equally long matches; in any order
   */
  *find(answer: string, within: readonly Span[] = []): Steps<Citation[]> {
    const words = [...quoteWords(answer)]
    const quoting: Answer = {
      words,
      keys: Int32Array.from(words, ({ text, spaced }) => {
        const number = this.#numbers.get(text)
        return number === undefined ? UNKNOWN : key(number, spaced)
      }),
      weights: Float64Array.from(words, ({ kind }) => WEIGHTS[kind]),
    }
    const matches = chooseMatches(quoting, yield* this.#maximalMatches(quoting, joined(within)))
    return mergeInDocument(
      this.#document,
      matches.map((match) => this.#span(quoting, match)),
    )
  }

  /** Every match that is contained in no other one's part of the answer, by its place in the answer. */
  *#maximalMatches(answer: Answer, within: readonly Span[]): Steps<Match[]> {
    const matches: Match[] = []
    // Where the matches so far end in the answer. Only one that goes beyond is not contained in them.
    let reached = 0
    for (let at = 0; at + 1 < answer.keys.length; at++) {
      if (reached === answer.keys.length) break
      yield at
      const best = this.#longestMatch(answer, at, reached, within)
      if (!best) continue
      matches.push(best)
      reached = best.answerAt + best.length
    }
    return matches
  }

  /** The longest match from answer word `at` on, or from the one before it by its first letter's case, that ends beyond `reached`. */
  #longestMatch(answer: Answer, at: number, reached: number, within: readonly Span[]): Match | undefined {
    const { keys } = answer
    const first = keys[at]!
    const second = keys[at + 1]!
    const ahead = Math.max(1, reached - at)
    if (first === UNKNOWN || second === UNKNOWN || keys[at + ahead] === UNKNOWN) return undefined
    let best: Match | undefined
    let bestInside = false
    for (let place = this.#heads[this.#hash(first, second)]!; place !== NONE; place = this.#next[place]!) {
      if (this.#keys[place]! >> 1 !== first >> 1 || this.#keys[place + ahead] !== keys[at + ahead]) continue
      const common = commonLength(keys, at, this.#keys, place)
      if (common <= ahead) continue
      const before = this.#matchesBefore(answer, at, place) ? 1 : 0
      const match = { answerAt: at - before, documentAt: place - before, length: common + before }
      if (best && match.length < best.length) continue
      const inside = this.#inside(match, within)
      if (best && match.length === best.length && (bestInside || !inside)) continue
      best = match
      bestInside = inside
      const cannotImprove = at + common === keys.length && (before === 1 || at === 0)
      if (cannotImprove && (inside || within.length === 0)) break
    }
    return best
  }

  /** Whether the words before are the same but for the case of the first letter, and what is between them and here is the same. */
  #matchesBefore(answer: Answer, at: number, place: number): boolean {
    if (at === 0 || place === 0 || answer.keys[at] !== this.#keys[place]) return false
    return equalButFirstCase(answer.words[at - 1]!.text, this.#vocabulary[this.#keys[place - 1]! >> 1]!)
  }

  #inside({ documentAt, length }: Match, within: readonly Span[]): boolean {
    const start = this.#starts[documentAt]!
    const end = this.#ends[documentAt + length - 1]!
    return within.some((span) => span.start <= start && end <= span.end)
  }

  /** The document's range of a match, without marks that belong to the text around it: they stand apart from its words. */
  #span({ words }: Answer, { answerAt, documentAt, length }: Match): Span {
    let first = 0
    let last = length - 1
    while (first < last && words[answerAt + first]!.kind === 'mark' && this.#keys[documentAt + first + 1]! & 1) first++
    while (last > first && words[answerAt + last]!.kind === 'mark' && this.#keys[documentAt + last]! & 1) last--
    return { start: this.#starts[documentAt + first]!, end: this.#ends[documentAt + last]! }
  }

  #number(word: string): number {
    const known = this.#numbers.get(word)
    if (known !== undefined) return known
    this.#numbers.set(word, this.#vocabulary.length)
    return this.#vocabulary.push(word) - 1
  }

  /** Chain of a pair of words: what stands before the first of them does not matter. */
  #hash(first: number, second: number): number {
    // Odd 32-bit multipliers spread the vocabulary's small numbers; the table's length is a power of two.
    return ((Math.imul(first >> 1, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 7) & (this.#heads.length - 1)
  }
}

function key(number: number, spaced: boolean): number {
  return 2 * number + (spaced ? 1 : 0)
}

/** Number of equal words from two places on. The first words are taken as equal: what stands before them may differ. */
function commonLength(a: Int32Array, fromA: number, b: Int32Array, fromB: number): number {
  const limit = Math.min(a.length - fromA, b.length - fromB)
  let length = 1
  while (length < limit && a[fromA + length] === b[fromB + length]) length++
  return length
}

/** The matches to cite, in the order of the answer: longest first, as long as each adds a quote's length of its own. */
function chooseMatches(answer: Answer, matches: readonly Match[]): Match[] {
  const covered = new Uint8Array(answer.keys.length)
  const chosen: Match[] = []
  for (const match of matches.toSorted((a, b) => b.length - a.length || a.answerAt - b.answerAt)) {
    let weight = 0
    for (let at = match.answerAt; at < match.answerAt + match.length; at++) weight += covered[at] ? 0 : answer.weights[at]!
    // Sums of 1/n are a little off.
    if (weight < 1 - 1e-9) continue
    covered.fill(1, match.answerAt, match.answerAt + match.length)
    chosen.push(match)
  }
  return chosen.sort((a, b) => a.answerAt - b.answerAt)
}

/** Joins spans that overlap or have only whitespace between them; each keeps the place of its first part. */
function mergeInDocument(document: string, spans: readonly Span[]): Citation[] {
  const merged: Span[] = []
  for (let span of spans) {
    let place = merged.length
    for (let i = merged.length - 1; i >= 0; i--) {
      const other = merged[i]!
      if (!touch(document, span, other)) continue
      span = { start: Math.min(span.start, other.start), end: Math.max(span.end, other.end) }
      merged.splice(i, 1)
      place = i
    }
    merged.splice(place, 0, span)
  }
  return merged.map(({ start, end }) => ({ start, end, text: document.slice(start, end) }))
}

function touch(document: string, a: Span, b: Span): boolean {
  const [left, right] = a.start <= b.start ? [a, b] : [b, a]
  return right.start <= left.end || !/\S/.test(document.slice(left.end, right.start))
}

/** Sorted ranges, neighbours without a gap made one: a quote may cross from one retrieved chunk into the next. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last && span.start <= last.end) result[result.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
    else result.push(span)
  }
  return result
}
