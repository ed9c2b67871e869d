import t from 'tap'
import type { Chunk } from '../../../lib/document/chunk'
import { chunkBudget, selectChunks } from '../../../lib/retrieve/select'
import { integer, seeded } from '../../helpers/random-text'

function makeChunks(tokens: readonly number[]): Chunk[] {
  let end = 0
  return tokens.map((count, index) => {
    const start = end
    end += count * 4
    return { index, start, end, tokens: count }
  })
}

const hits = (...indices: number[]): { index: number; score: number }[] => indices.map((index, i) => ({ index, score: 10 - i }))

t.test('the budget is that of the reference', async (t) => {
  // ceil(max(len / (chunk * 24), min(4096, len) / chunk)), by hand.
  for (const [length, chunk, expected] of [
    [100, 512, 1],
    [512, 512, 1],
    [513, 512, 2],
    [4096, 512, 8],
    [32_768, 512, 8],
    [98_304, 512, 8],
    [98_305, 512, 9],
    [131_072, 512, 11],
    [779_140, 512, 64],
    [32_768, 256, 16],
  ] as const) {
    t.equal(chunkBudget(length, chunk), expected, `${length} tokens in chunks of ${chunk}`)
  }
})

t.test('the best hits come back in document order with their offsets and scores', async (t) => {
  const chunks = makeChunks([500, 400, 500, 300, 500])
  const selection = selectChunks({ chunks, hits: hits(3, 0, 4), maxChunks: 2 })
  t.same(selection, [
    { ...chunks[0], score: 9 },
    { ...chunks[3], score: 10 },
  ])
})

t.test('a hit that does not fit into budgetTokens is passed over for the next', async (t) => {
  const chunks = makeChunks([500, 400, 500, 90])
  const selection = selectChunks({ chunks, hits: hits(0, 1, 3), maxChunks: 8, budgetTokens: 600 })
  t.same(
    selection.map(({ index }) => index),
    [0, 3],
  )
})

t.test('without hits the chunks are spread evenly from first to last', async (t) => {
  const chunks = makeChunks(Array.from({ length: 13 }, () => 100))
  const options = { chunks, hits: [] }
  const selection = selectChunks({ ...options, maxChunks: 4 })
  t.same(
    selection.map(({ index, score }) => [index, score]),
    [
      [0, 0],
      [4, 0],
      [8, 0],
      [12, 0],
    ],
  )
  t.same(
    selectChunks({ ...options, maxChunks: 1 }).map(({ index }) => index),
    [0],
  )
  t.same(selectChunks({ ...options, maxChunks: 99 }).length, 13)
  t.same(
    selectChunks({ ...options, maxChunks: 4, budgetTokens: 350 }).map(({ index }) => index),
    [0, 6, 12],
  )
})

t.test('the result is never empty, sorted, without duplicates and within every bound', async (t) => {
  const random = seeded(3)
  for (let i = 0; i < 300; i++) {
    const chunks = makeChunks(Array.from({ length: integer(random, 1, 40) }, () => integer(random, 1, 64)))
    const found = Array.from({ length: integer(random, 0, 60) }, () => integer(random, 0, chunks.length - 1))
    const maxChunks = integer(random, 1, 20)
    const budgetTokens = integer(random, 64, 600)
    const selection = selectChunks({ chunks, hits: hits(...found), maxChunks, budgetTokens })
    const indices = selection.map(({ index }) => index)
    const good =
      indices.length >= 1 &&
      indices.length <= maxChunks &&
      indices.every((index, at) => at === 0 || index > indices[at - 1]!) &&
      selection.reduce((sum, { tokens }) => sum + tokens, 0) <= budgetTokens
    if (!good) t.fail('out of bounds', { indices, maxChunks, budgetTokens, found })
  }
  t.pass('300 random selections')
})

t.test('a large budget and no bound on the number: the chunks that fit are found in a few tries', async (t) => {
  let reads = 0
  const chunks = makeChunks(Array.from({ length: 5000 }, (_, i) => 1 + (i % 64))).map((chunk) => ({
    ...chunk,
    get tokens() {
      reads++
      return chunk.tokens
    },
  }))
  const budgetTokens = 60_000
  const spread = selectChunks({
    chunks,
    hits: [],
    maxChunks: 2 ** 31 - 1,
    budgetTokens,
  })
  const used = spread.reduce((sum, { tokens }) => sum + tokens, 0)
  t.ok(used <= budgetTokens && used > 0.9 * budgetTokens, `${used} tokens`)
  t.ok(reads < 10 * chunks.length, `${reads} lengths were read`)
})

t.test('a budget below the shortest chunk is refused with ERR_INVALID_ARGUMENT', async (t) => {
  t.throws(() => selectChunks({ chunks: makeChunks([30, 20]), hits: hits(0), maxChunks: 1, budgetTokens: 19 }), {
    code: 'ERR_INVALID_ARGUMENT',
    details: { budgetTokens: 19, shortestChunkTokens: 20 },
  })
})
