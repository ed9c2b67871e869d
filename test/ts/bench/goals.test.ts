/** What is said of measurements: limits, ratios, goals. */
import t from 'tap'
import { compared, peerOf } from '../../../bench/compare'
import { answerGoals, autoChecks, passChecks, plainChecks } from '../../../bench/goals'
import { limitMs, type Shape, shapeOf } from '../../../bench/limits'
import type { Row } from '../../../bench/report'
import { checkTable } from '../../../bench/suites'
import { busy } from '../../../bench/suites/busy'
import { load } from '../../../bench/suites/load'
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

t.test('goals of passes are reached or missed by what was measured, and silent about what was not', (t) => {
  t.same(passChecks([]), [])
  const rows = compared([
    row({ ms: 10, limitPercent: 89 }),
    peer({ ms: 11 }),
    row({ ms: 20, depth: 16384 }),
    peer({ ms: 39, depth: 16384 }),
    row({ ms: 21, depth: 16384, kv: 'q8' }),
    row({ ms: 51, depth: 16384, metric: 'verify', rows: 11 }),
    row({ ms: 10, model: 'another' }),
  ])
  t.same(
    passChecks(rows).map(({ what, found, ok }) => [what.replace('llama-3.2-1b-q8_0, ', ''), found, ok]),
    [
      ['f16 KV: decode, times faster than node-llama-cpp', '1.10 (10.0 / 11.0 ms)', true],
      ['f16 KV: decode, of the limit', '89 %', false],
      ['f16 KV: decode at 16K, times faster than node-llama-cpp', '1.95 (20.0 / 39.0 ms)', false],
      ['q8 KV: decode at 16K, times faster than f16 KV', '0.95', false],
      ['f16 KV: verify 11 at 16K, in own decodes', '2.55', false],
    ],
  )
  t.same(checkTable(passChecks(rows))[1], [
    'llama-3.2-1b-q8_0, f16 KV: decode, times faster than node-llama-cpp',
    '>= 1.1',
    '1.10 (10.0 / 11.0 ms)',
    'reached',
  ])
  t.end()
})

t.test('goals of answers, of a busy machine and of loads', (t) => {
  const answer = (more: Partial<Row>) => row({ suite: 'simulated', metric: 'answer', depth: 16384, ...more })
  const answers = [
    answer({ ms: 100, setting: 'plain' }),
    answer({ ms: 103, setting: 'drafter self-q4, auto', simulatedAcceptance: 0 }),
    answer({ ms: 200, setting: 'exact auto, n-gram on' }),
    answer({ ms: 104, setting: 'drafter other, auto', simulatedAcceptance: 0 }),
    answer({ ms: 50, setting: 'drafter self-q4, auto', simulatedAcceptance: 0.9 }),
    answer({ ms: 40, setting: 'drafter self-q4', simulatedAcceptance: 0.9, draftLength: 6, best: true }),
    answer({ engine: 'node-llama-cpp', ms: 149, setting: 'flash attention', best: true }),
  ]
  t.same(
    autoChecks(answers, 'plain').map(({ found, ok }) => [found, ok]),
    [
      ['0.97', true],
      ['0.96', false],
      ['2.00', true],
    ],
  )
  t.same(
    answerGoals(answers).map(({ found, ok }) => [found, ok]),
    [['2.98', false]],
  )
  const plain = (depth: number, limitPercent: number) => answer({ setting: 'plain', depth, limitPercent })
  t.same(
    plainChecks([...answers, plain(64, 89.9), plain(16384, 80)], 'plain').map(({ wanted, ok }) => [wanted, ok]),
    [
      ['>= 90 %', false],
      ['>= 80 %', true],
    ],
  )
  const decode = (setting: string, ms: number) => row({ suite: 'busy', setting, ms })
  t.same(
    busy.checks!([decode('2 threads, alone', 10), decode('2 threads, one core busy', 26), decode('4 threads, one core busy', 1)]).map(
      (c) => c.ok,
    ),
    [false],
  )
  const loaded = row({
    suite: 'load',
    metric: 'load',
    rows: 0,
    setting: 'second load',
    ms: 2900,
    peakMiB: 200,
    steadyMiB: 112,
    neededMiB: 100,
  })
  t.same(
    load.checks!([loaded, { ...loaded, setting: 'first load', ms: 9000, steadyMiB: 110 }]).map((c) => [c.found, c.ok]),
    [
      ['2.90 s', true],
      ['1.12', false],
      ['1.10', true],
    ],
  )
  t.end()
})
