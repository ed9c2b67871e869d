import { UNSPACED } from '../document/script'

/** A word or mark of a text, comparable with those of another text. */
export interface QuoteWord {
  /** The word itself, quotation marks made straight, NFC. */
  readonly text: string
  /** Offsets of the word in its text, half-open. */
  readonly start: number
  readonly end: number
  /** Whether whitespace stands before it. */
  readonly spaced: boolean
  /** What it adds to the length of a quote. */
  readonly kind: WordKind
}

/** A word between spaces, one character of a script without spaces (with its marks), or a punctuation mark, symbol or emoji. */
export type WordKind = 'word' | 'character' | 'mark'

// A word is cut before a character of an unspaced script. Apostrophes within a word belong to it, and so do marks (accents, vowel
// signs, emoji modifiers) to what they follow.
const PART = `[[\\p{L}\\p{N}]--[${UNSPACED}]][[\\p{L}\\p{N}\\p{M}]--[${UNSPACED}]]*`
const TOKEN = new RegExp(
  `(${PART}(?:['’]${PART})*)|([${UNSPACED}]\\p{M}*)|\\S[\\p{M}\\p{Emoji_Modifier}]*(?:\\u200d\\S[\\p{M}\\p{Emoji_Modifier}]*)*`,
  'gv',
)
const SINGLE_QUOTES = /[‘’‚‛`´]/g
const DOUBLE_QUOTES = /[“”„‟«»「」『』]/g

/** Splits a text into words and marks; whitespace is only remembered as a gap. */
export function* quoteWords(text: string): Generator<QuoteWord, void> {
  let before = 0
  for (const match of text.matchAll(TOKEN)) {
    const start = match.index
    const end = start + match[0].length
    yield { text: canonical(match[0]), start, end, spaced: start > before, kind: match[1] ? 'word' : match[2] ? 'character' : 'mark' }
    before = end
  }
}

function canonical(word: string): string {
  if (/^[\x21-\x5f\x61-\x7e]*$/.test(word)) return word
  return word.normalize('NFC').replace(SINGLE_QUOTES, "'").replace(DOUBLE_QUOTES, '"')
}

/** Whether two words are the same but for the case of their first letter. */
export function equalButFirstCase(a: string, b: string): boolean {
  if (a === b) return true
  const first = (word: string): string => String.fromCodePoint(word.codePointAt(0)!)
  const headA = first(a)
  const headB = first(b)
  return headA.toLowerCase() === headB.toLowerCase() && a.slice(headA.length) === b.slice(headB.length)
}
