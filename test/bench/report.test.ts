/** The benchmarks at work on a model of two layers: what they write, not how fast anything is. */
import * as fs from 'node:fs'
import t from 'tap'
import { bench } from '../../bench/cli'
import { markBestPeer } from '../../bench/compare'
import { keep, median, type Report, type Row } from '../../bench/report'
import { rowOf } from '../../bench/suites/kernels'
import { simulatedAnswer } from '../../bench/suites/simulated'
import { randomModel, temporary, tiny } from '../helpers/models'
import { loadModel, prefill, randomTokens } from '../helpers/native'

const model = () => randomModel('bench-tiny', { ...tiny, dtypes: { default: 'Q8_0' } })
const silent = () => {}

t.test('the engine suite writes a report of the documented shape, a table and a plot', async (t) => {
  const [json, svg] = [temporary('engine.json'), temporary('engine.svg')]
  let printed = ''
  const out = (text: string) => {
    printed += text
  }
  const args = ['engine', '--model', await model(), '--depth', '0,100', '--rows', '4', '--runs', '1', '--threads', '1', '--kv', 'f16,bf16']
  await bench([...args, '--no-peer', '--no-peaks', '--json', json, '--svg', svg], out, silent)
  const { machine, commit, peaks, rows } = JSON.parse(fs.readFileSync(json, 'utf8')) as Report
  t.type(machine.cpu, 'string')
  t.ok(machine.cores >= 1)
  t.ok(commit.length > 0)
  t.equal(peaks, null, 'they were not asked for')
  t.same(
    rows.map((r) => [r.metric, r.rows, r.depth, r.kv]),
    ['f16', 'bf16'].flatMap((kv) =>
      [0, 100].flatMap((depth) => [
        ['decode', 1, depth, kv],
        ['verify', 4, depth, kv],
        ['prefill', 512, depth, kv],
      ]),
    ),
  )
  for (const row of rows) {
    t.match(row, { suite: 'engine', engine: 'ragdraft', model: 'bench-tiny', runs: 1 })
    t.ok(row.ms > 0 && Number.isFinite(row.ms), `${row.metric} took ${row.ms} ms`)
  }
  t.equal(printed.split('\n').filter((line) => line.includes('bench-tiny')).length, rows.length, 'one line a measurement')
  const plot = fs.readFileSync(svg, 'utf8')
  t.equal(plot.match(/<svg |<\/svg>/g)?.length, 2)
  t.ok(plot.includes('bench-tiny, bf16 KV: verify of 4 rows'))
})

t.test('simulated answers consume drafts as the rate says, and leave both caches as they were', async (t) => {
  const native = await loadModel(await model(), { threads: 1 })
  const [target, drafter] = [40, 20].map((depth) => ({ depth, sequence: native.createSequence({ contextTokens: 200, kv: 'f16' }) }))
  for (const { depth, sequence } of [target!, drafter!]) await prefill(sequence, randomTokens(depth, 250))
  const prints = [target!, drafter!].map(({ sequence }) => sequence.fingerprint())
  const answer = (length: number, rate: number, catchesUp = true) =>
    simulatedAnswer(target!.sequence, drafter!.sequence, length, rate, 30, catchesUp)
  t.match(await answer(4, 1), { tokens: 30, drafted: 24, accepted: 24 }, 'all accepted: five tokens a round')
  t.match(await answer(4, 1, false), { tokens: 30, drafted: 24, accepted: 24 }, 'also for a drafter that need not catch up')
  t.match(await answer(2, 0), { tokens: 30, drafted: 60, accepted: 0 }, 'none accepted: one token a round')
  const half = await answer(1, 0.5)
  t.ok(half.accepted > 0 && half.accepted < half.drafted)
  t.equal(half.tokens, half.drafted + half.accepted)
  t.match(await answer(1, 0.5), { drafted: half.drafted, accepted: half.accepted }, 'the same coin every time')
  t.same(
    [target!, drafter!].map(({ sequence }) => sequence.fingerprint()),
    prints,
  )
  for (const { sequence } of [target!, drafter!]) sequence.close()
  native.close()
})

t.test('shares of the peaks are held against the operands of a kernel', (t) => {
  const rate = (all: number) => ({ one: all / 2, all, instruction: '' })
  const peaks = { threads: 2, readGbps: { one: 10, all: 20 }, f32Gops: rate(100), bf16Gops: null, int8Gops: rate(400) }
  const time = { backend: 'cpu/avx2', kind: 'linear', shape: '2x2', rows: 1, depth: 0, seconds: 0.5, bytes: 5e9, operations: 25e9 } as const
  t.match(rowOf({ ...time, type: 'Q8_0' }, 3, peaks), {
    ms: 500,
    gbps: 10,
    gops: 50,
    memoryPercent: 50,
    computePercent: 12.5,
    limitPercent: 50,
  })
  t.match(rowOf({ ...time, type: 'BF16' }, 3, peaks), { computePercent: 50 }, 'f32 where there is no bf16 dot product')
  t.notOk('limitPercent' in rowOf({ ...time, type: 'F16' }, 3, null), 'nothing to hold against without peaks')
  t.end()
})

const peerRow = (setting: string, ms: number): Row => ({
  suite: 'engine',
  engine: 'node-llama-cpp',
  model: 'm',
  metric: 'decode',
  rows: 1,
  depth: 0,
  kv: 'f16',
  ms,
  runs: 1,
  setting,
})

t.test('the peer counts by the better of its two settings, not by its defaults', (t) => {
  const rows = [peerRow('flash attention', 3), peerRow('no flash attention', 2), peerRow('defaults', 1)]
  t.same(
    markBestPeer(rows).map((r) => r.best ?? false),
    [false, true, false],
  )
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([4, 1, 2, 9]), 3)
  t.end()
})

t.test('kept results are named after suite, day and machine', (t) => {
  const machine = { cpu: 'Intel(R) Xeon(R) 8', cores: 2, memoryGiB: 1, platform: 'linux-x64', node: 'v20' }
  const folder = temporary('results')
  const file = keep(folder, 'engine', { machine, commit: 'abc', date: '2026-01-02T03:04:05Z', peaks: null, rows: [] }, '<svg/>')
  t.same(fs.readdirSync(folder), ['engine-2026-01-02-intel-xeon-8-2-cores.json', 'engine-2026-01-02-intel-xeon-8-2-cores.svg'])
  t.equal((JSON.parse(fs.readFileSync(file, 'utf8')) as Report).commit, 'abc')
  t.end()
})

t.test('arguments that mean nothing are refused before anything is measured', async (t) => {
  const refused = (args: string[], message: RegExp) => t.rejects(bench([...args, '--no-peaks'], silent, silent), { message })
  await refused([], /which suite/)
  await refused(['engines'], /which suite/)
  await refused(['engine', '--depth', '1,x'], /--depth x/)
  await refused(['engine', '--runs', '0'], /--runs 0/)
  await refused(['simulated', '--acceptance', '1.5'], /--acceptance 1\.5/)
  await refused(['table', '--depth', '0'], /table chooses models/)
  await refused(['engine', '--model', 'no-such-model'], /neither a file nor one of llama-3\.2-1b-q8_0/)
  await refused(['engine', '--model', await model(), '--kv', 'q3', '--no-peer'], /kv/i)
})
