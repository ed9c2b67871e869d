import t from 'tap'
import { finish } from '../../../lib/base/steps'
import { type Chunk, type ChunkOptions, chunkSteps } from '../../../lib/document/chunk'
import { AWKWARD, book, integer, prose, seeded } from '../../helpers/random-text'

/** Words, numbers and marks, a leading space counting with its word, as byte-level BPE does; long words have many tokens. */
const countWords = (text: string): number =>
  (text.match(/ ?\p{L}+| ?\p{N}{1,3}|\s+| ?[^\s\p{L}\p{N}]/gu) ?? []).reduce((sum, part) => sum + Math.ceil(part.length / 6), 0)
/** UTF-8 bytes: the worst case of a byte-level tokenizer. */
const countBytes = (text: string): number => Buffer.byteLength(text)
/** A piece costs one more than its parts, as with a tokenizer that puts a marker in front. */
const countMarked = (text: string): number => 1 + Math.ceil(text.length / 4)
/** The whole costs more than the sum of its parts. */
const countSuperadditive = (text: string): number => Math.ceil((text.length / 10) ** 1.3)
const chunkText = (text: string, { maxTokens = 512, countTokens }: Partial<ChunkOptions> & Pick<ChunkOptions, 'countTokens'>): Chunk[] =>
  finish(chunkSteps(text, { maxTokens, countTokens }))
const COUNTERS = { countWords, countBytes, countMarked, countSuperadditive }

function problems(text: string, chunks: readonly Chunk[], maxTokens: number, countTokens: (text: string) => number): string[] {
  const found: string[] = []
  let end = 0
  for (const [i, chunk] of chunks.entries()) {
    if (chunk.index !== i) found.push(`chunk ${i} has index ${chunk.index}`)
    if (chunk.start !== end) found.push(`chunk ${i} starts at ${chunk.start}, not ${end}`)
    if (chunk.end <= chunk.start) found.push(`chunk ${i} is empty`)
    const slice = text.slice(chunk.start, chunk.end)
    if (chunk.tokens !== countTokens(slice)) found.push(`chunk ${i} claims ${chunk.tokens} tokens, has ${countTokens(slice)}`)
    if (chunk.tokens > maxTokens) found.push(`chunk ${i} has ${chunk.tokens} tokens of ${maxTokens}`)
    if (/\p{Surrogate}/u.test(slice)) found.push(`chunk ${i} splits a surrogate pair`)
    end = chunk.end
  }
  if (end !== text.length) found.push(`the chunks end at ${end} of ${text.length}`)
  return found
}

const texts = (text: string, chunks: readonly Chunk[]): string[] => chunks.map(({ start, end }) => text.slice(start, end))

for (const [kind, make] of Object.entries(AWKWARD)) {
  t.test(`chunks of ${kind} tile the text and keep within maxTokens by their own count`, async (t) => {
    const random = seeded(kind.length)
    for (const [name, countTokens] of Object.entries(COUNTERS)) {
      const found: string[] = []
      for (let i = 0; i < 40; i++) {
        const text = make(random)
        const maxTokens = integer(random, 8, 120)
        found.push(...problems(text, chunkText(text, { maxTokens, countTokens }), maxTokens, countTokens))
      }
      t.same(found, [], name)
    }
  })
}

t.test('the coarsest separator that helps is used first', async (t) => {
  const countTokens = (text: string): number => text.length
  const cut = (text: string, maxTokens: number): string[] => texts(text, chunkText(text, { maxTokens, countTokens }))
  t.same(cut('One. Two.\n\nThree. Four.', 14), ['One. Two.\n\n', 'Three. Four.'])
  t.same(cut('One. Two.\r\n \r\nThree. Four.', 15), ['One. Two.\r\n \r\n', 'Three. Four.'], 'CRLF and blanks in the blank line')
  t.same(cut('One. Two\nThree. Four', 12), ['One. Two\n', 'Three. Four'])
  t.same(cut('One. Two. Three.', 10), ['One. Two. ', 'Three.'])
  t.same(cut('Ah! Oh? Eh; uh, er', 9), ['Ah! Oh? ', 'Eh; ', 'uh, er'])
  t.same(cut('今天很好。明天更好！后天呢？', 8), ['今天很好。', '明天更好！', '后天呢？'])
  t.same(cut('今天很好，明天更好；后天呢', 7), ['今天很好，', '明天更好；', '后天呢'])
  t.same(cut('alpha beta gamma', 11), ['alpha beta ', 'gamma'])
  t.same(cut('abcdefghij', 8), ['abcdefgh', 'ij'])
})

t.test('neighbours are merged as long as they fit, across levels', async (t) => {
  const text = `${'A sentence of six words here. '.repeat(40)}\n\nShort.\n\nShorter.\n\n`
  const chunks = chunkText(text, { maxTokens: 64, countTokens: countWords })
  for (const [i, chunk] of chunks.slice(0, -1).entries()) {
    t.ok(chunk.tokens > 64 - 8, `chunk ${i} is full to within a sentence: ${chunk.tokens}`)
  }
})

t.test('a text that fits is one chunk, the empty text none', async (t) => {
  t.same(chunkText('Hello there.\n\nGeneral.', { countTokens: countWords }), [
    { index: 0, start: 0, end: 22, tokens: countWords('Hello there.\n\nGeneral.') },
  ])
  t.same(chunkText('', { countTokens: countWords }), [])
})

t.test('graphemes stay whole where they fit: emoji families, flags, accents, Hangul, CRLF', async (t) => {
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  for (const unit of ['👨‍👩‍👧‍👦', '🇫🇷', '👍🏽', 'e\u0301\u0323', '각', '\r\n']) {
    const text = unit.repeat(400)
    const whole = new Set([...graphemes.segment(text)].map(({ index }) => index))
    const chunks = chunkText(text, { maxTokens: 40, countTokens: countBytes })
    t.ok(chunks.length > 5, JSON.stringify(unit))
    t.same(
      chunks.filter(({ start }) => !whole.has(start)),
      [],
      JSON.stringify(unit),
    )
  }
})

t.test('a grapheme longer than a chunk is cut between code points', async (t) => {
  for (const text of [`a${'\u0301'.repeat(500)}`, '👨‍👩‍👧‍👦', `😀${'\u{e0061}'.repeat(300)}`]) {
    t.same(problems(text, chunkText(text, { maxTokens: 8, countTokens: countBytes }), 8, countBytes), [])
  }
})

t.test('a character of more tokens than a chunk may have is refused with ERR_INVALID_ARGUMENT', async (t) => {
  t.throws(() => chunkText('ab 😀', { maxTokens: 3, countTokens: countBytes }), {
    code: 'ERR_INVALID_ARGUMENT',
    details: { maxTokens: 3, tokens: 4 },
  })
})

t.test('3 MB take a bounded number of calls and characters to count, whatever the text', async (t) => {
  const size = 3_000_000
  const fill = (unit: string): string => unit.repeat(Math.ceil(size / unit.length))
  const cases = {
    prose: prose(seeded(5), 38_000),
    'short lines': fill('a\n\n'),
    'one word': fill('x'),
    emoji: fill('👨‍👩‍👧‍👦🇫🇷'),
    chinese: fill('我们在一起，今天。'),
  }
  for (const [name, text] of Object.entries(cases)) {
    let calls = 0
    let characters = 0
    const countTokens = (piece: string): number => {
      calls++
      characters += piece.length
      return Math.ceil(piece.length / 4.4)
    }
    const chunks = chunkText(text, { countTokens })
    t.ok(calls < 60_000, `${name}: ${calls} calls`)
    t.ok(characters < 3.2 * text.length, `${name}: ${(characters / text.length).toFixed(2)} times the text`)
    t.ok(chunks.length < (1.35 * text.length) / 4.4 / 512, `${name}: ${chunks.length} chunks`)
  }
})

const warAndPeace = book('war_and_peace')
t.test(
  'a real book is cut into well-filled chunks that mostly begin a paragraph or line',
  { skip: !warAndPeace && 'no such book here' },
  async (t) => {
    const text = warAndPeace ?? ''
    const chunks = chunkText(text, { countTokens: countWords })
    t.same(problems(text, chunks, 512, countWords), [])
    const mean = chunks.reduce((sum, { tokens }) => sum + tokens, 0) / chunks.length
    t.ok(mean > 420, `${mean.toFixed(0)} tokens on average`)
    const atLines = chunks.filter(({ start }) => start === 0 || text[start - 1] === '\n').length
    t.ok(atLines / chunks.length > 0.95, `${atLines} of ${chunks.length} at a line`)
  },
)
