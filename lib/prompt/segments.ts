import type { Tokenizer } from '../tokenizer/tokenizer'

/**
 * Text that somebody else wrote (a document, a question, an answer): encoded as plain text, out of the template's sight. Ids must
 * come from `tokenizer.encode`.
 */
export interface Untrusted {
  readonly untrusted: string | Int32Array
}

/** A stretch of a prompt: text of ours and of the chat template, or untrusted text. */
export type Segment = string | Untrusted

/**
 * Token ids of each segment. The segments are encoded one by one: no token spans two of them, so ids of a document stay the same in
 * every prompt.
 * @param first whether the prompt begins here: BOS is put before it if the model wants one and the template printed none
 */
export function encodeSegments(segments: readonly Segment[], tokenizer: Tokenizer, first: boolean): Int32Array[] {
  // What counts as the start of a text for SentencePiece: the start of the prompt.
  let continues = !first
  const encoded = segments.map((segment, index) => {
    if (typeof segment !== 'string') {
      if (length(segment.untrusted) > 0) continues = true
      return typeof segment.untrusted === 'string' ? tokenizer.encode(segment.untrusted) : segment.untrusted
    }
    // encode() puts the space of a SentencePiece model before untrusted text: it takes the place of the template's own.
    const next = segments[index + 1]
    const space = tokenizer.addSpacePrefix && next !== undefined && typeof next !== 'string' && segment.endsWith(' ')
    const ids = tokenizer.encodeTemplate(space ? segment.slice(0, -1) : segment, { continues })
    if (ids.length > 0) continues = true
    return ids
  })
  if (first && tokenizer.addBos && tokenizer.bosToken !== null) {
    const start = encoded.find((ids) => ids.length > 0)
    if (start?.[0] !== tokenizer.bosToken) encoded.unshift(Int32Array.of(tokenizer.bosToken))
  }
  return encoded
}

const length = (text: string | Int32Array): number => text.length

/** The parts one after another. */
export function concatTokens(parts: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
