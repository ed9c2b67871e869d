import { UNSPACED } from '../document/script'

/** A text as lexical search sees it. */
export interface Terms {
  /** The words in order, one term each: what a phrase is made of. */
  readonly sequence: string[]
  /** Further terms of the same words, in no useful order: parts of identifiers, single characters of unspaced scripts. */
  readonly extra: string[]
}

// Numbers with inner points or commas (3.14, 1,000), words with inner apostrophes, identifiers with underscores.
const WORD = /\d+(?:[.,]\d+)+|[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*(?:['’][\p{L}\p{M}\p{N}_]+)*/gu
const UNSPACED_RUN = new RegExp(`[${UNSPACED}][${UNSPACED}\\p{M}]*`, 'gu')
const HAS_UNSPACED = new RegExp(`[${UNSPACED}]`, 'u')
// One character of an unspaced script with the marks that belong to it.
const UNSPACED_CHARACTER = /\P{M}\p{M}*/gu
const CAMEL_HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u

/**
 * Splits a text into search terms.
 *
 * - Letters are compared without case, accents, or width (NFKC): `Éléphant` is `elephant`.
 * - English plurals fold into the singular (see {@link singular}).
 * - `getUserName` and `max_tokens` give the whole as a word, and their parts as extra terms.
 * - Inside a word, an apostrophe separates: `Pierre's` gives `pierre`, `l'homme` gives `homme`; single letters are dropped.
 * - `1,000` is `1000`; `3.14` stays whole.
 * - Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese runs give overlapping pairs of characters as words, and the single
 *   characters as extra terms; a run of one character is a word.
 */
export function terms(text: string): Terms {
  const result: Terms = { sequence: [], extra: [] }
  for (const [word] of text.normalize('NFKC').matchAll(WORD)) {
    if (HAS_UNSPACED.test(word)) addMixed(word, result)
    else addWord(word, result)
  }
  return result
}

function addMixed(word: string, result: Terms): void {
  let from = 0
  for (const run of word.matchAll(UNSPACED_RUN)) {
    if (run.index > from) addWord(word.slice(from, run.index), result)
    addUnspaced(run[0], result)
    from = run.index + run[0].length
  }
  if (from < word.length) addWord(word.slice(from), result)
}

function addUnspaced(run: string, { sequence, extra }: Terms): void {
  const characters = run.match(UNSPACED_CHARACTER) ?? []
  if (characters.length === 1) {
    sequence.push(run)
    return
  }
  for (const [i, character] of characters.entries()) {
    extra.push(character)
    if (i > 0) sequence.push(characters[i - 1]! + character)
  }
}

function addWord(word: string, { sequence, extra }: Terms): void {
  if (/^\d/.test(word) && /[.,]/.test(word)) {
    sequence.push(word.replaceAll(',', ''))
    return
  }
  const apart = /['’]/.test(word) ? word.split(/['’]/).filter((part) => part.length > 1) : [word]
  for (const part of apart) {
    const whole = part.replace(/^_+|_+$/g, '')
    if (whole === '') continue
    sequence.push(fold(whole))
    const parts = whole.split(/_+/).flatMap((piece) => piece.split(CAMEL_HUMP))
    if (parts.length > 1) extra.push(...parts.map(fold))
  }
}

function fold(word: string): string {
  const lower = word.toLowerCase()
  // Only the diacritics of Latin, Greek and Cyrillic: other scripts write their vowels as marks.
  return singular(
    /^[\x00-\x7f]*$/.test(lower)
      ? lower
      : lower
          .normalize('NFD')
          .replace(/[\u0300-\u036f]+/g, '')
          .normalize('NFC'),
  )
}

/**
 * Folds a regular English plural and its singular into one form, which need not be a word: `stories`, `story` - `story`; `caches`,
 * `cache` - `cach`; `matches`, `match` - `match`. Words of up to three letters and the endings `-us`, `-ss`, `-is` are no plurals.
 */
function singular(word: string): string {
  if (word.length <= 3) return word
  const bare = /[^aeiou]ies$/.test(word) && word.length > 4 ? `${word.slice(0, -3)}y` : word.replace(/(?<![usi])s$/, '')
  return bare.length > 3 ? bare.replace(/(?<=ch|sh|ss|x|z|o)e$/, '') : bare
}
