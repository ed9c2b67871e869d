/**
 * Where a text may be cut, coarse to fine: the separators of the RAPID reference (`\n\n`, `\n`, `. `, `! `, `? `, `; `, `, `, their
 * Chinese forms, space). Every line ending counts as a newline, blank lines may hold spaces and tabs, and a run of blanks is one
 * separator. The cut is after the separator, so that a chunk begins with text.
 */
export const SEPARATORS: readonly RegExp[] = [
  /(?:\r\n|\n|\r(?!\n))(?:[ \t]*(?:\r\n|\n|\r(?!\n)))+/g,
  /\r\n|\n|\r/g,
  /\. +/g,
  /! +/g,
  /\? +/g,
  /; +/g,
  /, +/g,
  /。/g,
  /！/g,
  /？/g,
  /；/g,
  /，/g,
  /[ \t]+/g,
]

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

// A grapheme that starts within a piece is looked at this far beyond its end; emoji families and Hangul syllables need far less.
const GRAPHEME_REACH = 64

// Cuts are offsets into `text`, ascending, neither 0 nor its length. They are found when they are asked for: there may be millions.

/** Where `text` falls into its pieces at one separator. */
export function* separatorCuts(text: string, separator: RegExp): Generator<number, void> {
  for (const match of text.matchAll(separator)) {
    const cut = match.index + match[0].length
    if (cut < text.length) yield cut
  }
}

/** Cuts a text every `grain` characters or less, between graphemes; a longer grapheme stays whole. */
export function* graphemeCuts(text: string, grain: number): Generator<number, void> {
  // Each window starts at a known boundary: flags, which pair up from the left, are then segmented rightly.
  for (let at = 0; text.length - at > grain; ) {
    const window = text.slice(at, at + grain + GRAPHEME_REACH)
    const last = graphemes.segment(window).containing(grain)!
    const length = last.index > 0 ? last.index : last.segment.length
    // Endless combining marks: no grapheme boundary in reach, so any code point boundary has to do.
    const endless = length === window.length && at + length < text.length
    at += endless ? codePointFloor(window, grain) : length
    if (at < text.length) yield at
  }
}

/** The last code point boundary at or before `at`, but after the first code point. */
function codePointFloor(text: string, at: number): number {
  const splitsPair = isHighSurrogate(text.charCodeAt(at - 1)) && isLowSurrogate(text.charCodeAt(at))
  return splitsPair ? (at === 1 ? 2 : at - 1) : at
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00
}

/** Between all code points of `text`. */
export function* codePointCuts(text: string): Generator<number, void> {
  for (let at = 0; ; ) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1
    if (at >= text.length) return
    yield at
  }
}
