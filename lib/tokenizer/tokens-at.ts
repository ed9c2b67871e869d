import type { Steps } from '../base/steps'
import type { Tokenizer } from './tokenizer'

const tokensPerStep = 8192

/**
 * Finds the tokens at some places of a text, in steps; progress is in tokens.
 * @param tokens `tokenizer.encode(text)`
 * @param places UTF-16 offsets, ascending, from 0 to `text.length`
 * @returns per place the index of the token that holds the character there, its first byte; the number of tokens for the text's end
 */
export function* tokensAt(text: string, tokens: Int32Array, places: readonly number[], tokenizer: Tokenizer): Steps<Int32Array> {
  const ends = new Float64Array(tokens.length) // bytes up to the end of each token
  let bytes = 0
  for (const [index, token] of tokens.entries()) {
    bytes += tokenizer.tokenBytes(token).length
    ends[index] = bytes
    if (index % tokensPerStep === 0) yield index
  }
  let at = bytes - Buffer.byteLength(text) // the space that a SentencePiece model puts before a text
  let before = 0
  let token = 0
  const found = new Int32Array(places.length)
  for (const [index, place] of places.entries()) {
    at += Buffer.byteLength(text.slice(before, place))
    before = place
    while (token < tokens.length && ends[token]! <= at) token++
    found[index] = token
    yield token
  }
  return found
}
