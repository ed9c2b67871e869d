import t from 'tap'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { TextStream } from '../../../lib/tokenizer/text-stream'
import { random, randomText, tinyLlama3, tinySpm } from '../../helpers/tiny-vocabulary'
import { tokenizerVectors } from '../../helpers/tokenizer-vectors'

const bpe = tokenizerFromGguf(tinyLlama3())
const spm = tokenizerFromGguf(
  tinySpm([
    ['▁', -1],
    ['e', -1],
    ['▁e', -1],
    ['▁▁', -1],
  ]),
)
const real = ['llama-bpe', 'llama-spm'].flatMap((name) => {
  const vectors = tokenizerVectors(name)
  return vectors ? [tokenizerFromGguf(vectors.metadata)] : []
})

/** Text of the stream when the ids come in random groups. */
function stream(tokenizer: typeof bpe, ids: ArrayLike<number>, next: (below: number) => number, stop: string[] = []): string {
  const text = new TextStream(tokenizer, { stop })
  const all = Array.from(ids)
  let out = ''
  for (let at = 0; at < all.length; ) {
    const count = next(4)
    out += text.push(all.slice(at, at + count))
    at += count
  }
  return out + text.flush()
}

t.test('any grouping of any tokens gives the text of decode', (t) => {
  const next = random(1)
  for (const tokenizer of [bpe, spm, ...real]) {
    const runs = Array.from({ length: 500 }, () => Array.from({ length: next(40) }, () => next(tokenizer.vocabSize)))
    t.strictSame(
      runs.map((ids) => stream(tokenizer, ids, next)),
      runs.map((ids) => tokenizer.decode(ids)),
    )
    const texts = Array.from({ length: 500 }, () => randomText(next, 40).replaceAll('▁', ''))
    t.strictSame(
      texts.map((text) => stream(tokenizer, tokenizer.encode(text), next)),
      texts,
    )
  }
  t.end()
})

t.test('never gives half a code point', (t) => {
  const text = new TextStream(bpe)
  const bytes = bpe.encode('😁')
  t.equal(bytes.length, 4)
  t.strictSame(
    Array.from(bytes, (id) => text.push([id])),
    ['', '', '', '😁'],
  )
  t.equal(text.push(bytes.slice(0, 2)), '')
  t.equal(text.push(bpe.encode('a')), '\ufffda', 'invalid as soon as the next byte shows it')
  t.equal(text.push(bytes.slice(0, 3)), '')
  t.equal(text.flush(), '\ufffd')
  t.end()
})

t.test('takes off the space that SentencePiece put before a text, once', (t) => {
  const text = new TextStream(spm)
  const [space, e, spaceE] = [259, 260, 261]
  t.equal(text.push([1]), '', 'control tokens are no text')
  t.equal(text.push([spaceE]), 'e')
  t.equal(text.push([spaceE, e]), ' ee')
  const spaces = new TextStream(spm)
  t.equal(spaces.push([space]), '')
  t.equal(spaces.push([space]), ' ')
  t.end()
})

/** By definition: up to the first position at which a stop string ends, without the longest of those that end there. */
function stopped(text: string, stop: string[]): string {
  for (let end = 1; end <= text.length; end++) {
    const ending = stop.filter((string) => text.slice(0, end).endsWith(string)).map((string) => string.length)
    if (ending.length > 0) return text.slice(0, end - Math.max(...ending))
  }
  return text
}

t.test('ends before the stop string that is complete first, however the tokens come', (t) => {
  const next = random(2)
  const stops = [['ab'], ['aab', 'b'], ['abcX', 'bc'], ['bb', 'abb'], ['é😁'], ['\n\n', '\n'], ['aaaa']]
  for (const tokenizer of [bpe, spm]) {
    const runs = Array.from({ length: 2000 }, () => ({
      stop: stops[next(stops.length)]!,
      text: Array.from({ length: next(12) }, () => ['a', 'b', 'c', 'X', 'é', '😁', '\n', 'aa'][next(8)]).join(''),
    }))
    t.strictSame(
      runs.map(({ text, stop }) => stream(tokenizer, tokenizer.encode(text), next, stop)),
      runs.map(({ text, stop }) => stopped(text, stop)),
    )
  }
  t.end()
})

t.test('holds back what may become a stop string and lets go of it when it does not', (t) => {
  const text = new TextStream(bpe, { stop: ['END'] })
  t.equal(text.push(bpe.encode('say E')), 'say ')
  t.equal(text.push(bpe.encode('N')), '')
  t.equal(text.push(bpe.encode('E')), 'EN')
  t.equal(text.push(bpe.encode('ND. more')), '')
  t.equal(text.stopped, true)
  t.equal(text.push(bpe.encode('more')), '')
  t.equal(text.flush(), '')

  const open = new TextStream(bpe, { stop: ['END'] })
  t.equal(open.push(bpe.encode('the EN')), 'the ')
  t.equal(open.flush(), 'EN')
  t.equal(open.stopped, false)
  t.end()
})

t.test('refuses stop strings that could never match, and unknown ids', (t) => {
  t.throws(() => new TextStream(bpe, { stop: [''] }), { code: 'ERR_INVALID_ARGUMENT' })
  t.throws(() => new TextStream(bpe, { stop: ['\udc00'] }), { code: 'ERR_INVALID_ARGUMENT' })
  t.throws(() => new TextStream(bpe).push([9999]), { code: 'ERR_INVALID_ARGUMENT' })
  t.end()
})
