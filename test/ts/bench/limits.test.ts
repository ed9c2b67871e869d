/** What is said of measurements: limits and ratios. */
import t from 'tap'
import { compared, peerOf } from '../../../bench/compare'
import { limitMs, type Shape, shapeOf } from '../../../bench/limits'
import type { Row } from '../../../bench/report'
import { randomModel, tiny } from '../../helpers/models'

const row = (more: Partial<Row>): Row => ({
  suite: 'engine',
  engine: 'ragdraft',
  model: 'llama-3.2-1b-q8_0',
  metric: 'decode',
  rows: 1,
  depth: 0,
  kv: 'f16',
  ms: 10,
  runs: 1,
  ...more,
})
const peer = (more: Partial<Row>): Row => row({ engine: 'node-llama-cpp', setting: 'flash attention', ...more })

const rate = (all: number) => ({ one: all / 2, all, instruction: '' })
const peaks = { threads: 2, readGbps: { one: 10, all: 20 }, f32Gops: rate(100), bf16Gops: rate(50), int8Gops: rate(400) }

t.test('the limit of a pass is reading or computing, whichever takes longer, of weights and of keys and values', (t) => {
  const shape: Shape = {
    layersWeights: [{ type: 'Q8_0', bytes: 2e9, elements: 2e9 }],
    output: { type: 'Q8_0', bytes: 1e9, elements: 1e9 },
    layers: 10,
    heads: 8,
    kvHeads: 2,
    headDim: 50,
  }
  const pass = (metric: string, rows: number, depth: number, kv: string) => limitMs(shape, { metric, rows, depth, kv }, peaks)!
  // Keys and values of a token: 2 * 10 * 2 * 50 * 2 bytes = 4,000; products of a row with a key: 4 * 10 * 8 * 50 = 16,000.
  t.equal(pass('decode', 1, 9999, 'f16').toFixed(3), (150 + 2).toFixed(3), '3 GB and 40 MB at 20 GB/s; both more than the arithmetic')
  t.equal(pass('verify', 20, 0, 'f16').toFixed(3), (300 + 0.0336).toFixed(3), '120 G at 400 GOP/s')
  t.equal(pass('prefill', 1, 0, 'f16').toFixed(1), '100.0', 'prefill wants no logits')
  t.equal(pass('verify', 10, 99_994.5, 'f16').toFixed(1), (150 + 160).toFixed(1), '16 G at 100 GOP/s')
  t.equal(pass('verify', 10, 99_994.5, 'q8').toFixed(1), (150 + 40).toFixed(1), 'bytes at 400')
  t.equal(limitMs(shape, { metric: 'decode', rows: 1, depth: 0, kv: 'f16' }, { ...peaks, int8Gops: null }), undefined)
  t.end()
})

t.test('the shape of a model is what its file says', async (t) => {
  const shape = await shapeOf(await randomModel('bench-shape', { ...tiny, dtypes: { default: 'Q8_0' } }))
  t.match(shape, {
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    output: { type: 'Q8_0', elements: 512 * 256, bytes: (512 * 256 * 34) / 32 },
  })
  t.equal(shape.layersWeights.length, 2 * 7)
  t.equal((await shapeOf(await randomModel('bench-tied', { ...tiny, tied: true }))).output.elements, 512 * 256, 'a tied output is read too')
})

t.test('ours is held against the better setting of the same KV type, bf16 against f16', (t) => {
  const rows = [
    row({ ms: 10 }),
    row({ ms: 5, kv: 'bf16' }),
    row({ ms: 4, kv: 'q8' }),
    peer({ ms: 30 }),
    peer({ ms: 20, setting: 'no flash attention' }),
    peer({ ms: 1, setting: 'defaults' }),
  ]
  const marked = compared(rows)
  t.same(
    marked.slice(0, 3).map((r) => r.peerRatio),
    [2, 4, undefined],
  )
  t.equal(peerOf(row({ depth: 1 }), marked), undefined, 'another depth is another measurement')
  t.end()
})
