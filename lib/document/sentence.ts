import type { Span } from './chunk'

// How far to look for the ends of a sentence. One that is longer is cut at whitespace, so that a text without full stops does
// not become one sentence.
const REACH = 4096

// A sentence ends after . ! ? or an ellipsis with its closing quotes and brackets, before whitespace; after a Chinese or Japanese
// full stop without any; and at a blank line.
const SENTENCE_END = /[.!?…]+["'’”»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|(?:\r\n|\n|\r(?!\n))(?:[ \t]*(?:\r\n|\n|\r(?!\n)))+/gu

// Titles and short forms whose point ends no sentence, as the text before the point ends.
const ABBREVIATION = /(?:^|[\s("'“‘])(?:Mr|Mrs|Ms|Dr|St|Prof|Gen|Col|Capt|Lt|Rev|Hon|Sr|Jr|vs|cf|e\.g|i\.e|Vol|Fig|\p{Lu})$/u

/**
 * The whole sentence or sentences around a span, without the whitespace at their ends: from the last sentence end before the span to
 * the first one at or after its end. A span that ends with a sentence is not carried into the next.
 *
 * Sentences are found by their punctuation, not understood: a point after a common title or an initial, or before a small letter,
 * ends none; a blank line always does, a single line break never. At most 4,096 characters are added on either side.
 */
export function expandToSentence(document: string, { start, end }: Span): Span {
  const from = codePointStart(document, Math.max(0, start - REACH))
  const to = codePointStart(document, Math.min(document.length, end + REACH))
  const window = document.slice(from, to)
  let first = from === 0 ? 0 : afterWhitespace(window, start - from)
  let last = to === document.length ? window.length : beforeWhitespace(window, end - from)
  for (const match of window.matchAll(SENTENCE_END)) {
    if (!endsSentence(window, match)) continue
    const at = match.index + match[0].length
    if (at <= start - from) first = at
    // The closing marks of the match may lie beyond the span: they belong to the sentence.
    else if (at >= end - from) {
      last = at
      break
    }
  }
  return trim(document, from + first, from + last)
}

function endsSentence(window: string, match: RegExpExecArray): boolean {
  if (match[0].startsWith('.') && ABBREVIATION.test(window.slice(Math.max(0, match.index - 8), match.index))) return false
  const next = window.slice(match.index + match[0].length).match(/^\s+(\p{Ll})/u)
  return !(next && /[.!?…]/.test(match[0]))
}

/** The offset itself, or the one after it if that is inside a surrogate pair. */
function codePointStart(document: string, at: number): number {
  return (document.charCodeAt(at) & 0xfc00) === 0xdc00 ? at + 1 : at
}

/** Offset after the first whitespace of the window, but not beyond `at`. */
function afterWhitespace(window: string, at: number): number {
  const space = window.search(/\s/)
  return space === -1 || space >= at ? 0 : space + 1
}

/** Offset of the last whitespace of the window, but not before `at`. */
function beforeWhitespace(window: string, at: number): number {
  for (let i = window.length - 1; i > at; i--) {
    if (/\s/.test(window[i]!)) return i
  }
  return window.length
}

function trim(document: string, start: number, end: number): Span {
  while (start < end && /\s/.test(document[start]!)) start++
  while (end > start && /\s/.test(document[end - 1]!)) end--
  return { start, end }
}
