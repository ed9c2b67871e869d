import t from 'tap'
import { finish } from '../../../lib/base/steps'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { tokensAt } from '../../../lib/tokenizer/tokens-at'
import { random, randomText, tinyBpe, tinyLlama3, tinySpm, type } from '../../helpers/tiny-vocabulary'

const tokenizers = {
  bpe: tokenizerFromGguf(tinyLlama3()),
  literals: tokenizerFromGguf(tinyBpe(['h e'], [['<tool_call>', type.userDefined]])),
  sentencepiece: tokenizerFromGguf(
    tinySpm([
      ['▁', -1],
      ['he', -2],
      ['▁the', -3],
    ]),
  ),
}

/** The definition: the token in which the first byte of the character lies. */
function expected(text: string, tokens: Int32Array, place: number, bytesOf: (id: number) => number): number {
  const all = [...tokens].map(bytesOf)
  const excess = all.reduce((sum, bytes) => sum + bytes, 0) - Buffer.byteLength(text)
  const byte = excess + Buffer.byteLength(text.slice(0, place))
  let end = 0
  for (const [index, bytes] of all.entries()) {
    end += bytes
    if (byte < end) return index
  }
  return tokens.length
}

for (const [name, tokenizer] of Object.entries(tokenizers)) {
  t.test(`${name}: places of random texts, from their beginning to their end`, (t) => {
    const next = random(5)
    for (let i = 0; i < 60; i++) {
      const text = randomText(next, 1 + next(300)).toWellFormed()
      const tokens = tokenizer.encode(text)
      const places: number[] = [0]
      for (let at = 0; at < text.length; at += 1 + next(9)) if (!/^[\uDC00-\uDFFF]/.test(text.slice(at))) places.push(at)
      places.push(text.length)
      const found = finish(tokensAt(text, tokens, places, tokenizer))
      const wanted = places.map((place) => expected(text, tokens, place, (id) => tokenizer.tokenBytes(id).length))
      t.same([...found], wanted)
      t.equal(found.at(-1), tokens.length)
    }
    t.end()
  })
}

t.test('a token that spans a place is the one before it', (t) => {
  const tokenizer = tokenizers.bpe
  const tokens = tokenizer.encode('x the')
  t.equal(tokens.length, 2)
  t.same([...finish(tokensAt('x the', tokens, [0, 1, 2, 3, 5], tokenizer))], [0, 1, 1, 1, 2])
  t.same([...finish(tokensAt('', new Int32Array(), [0], tokenizer))], [0])
  t.end()
})
