/** The benchmarks at work on a model of two layers: what they write, not how fast anything is. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { bench } from '../../../bench/cli'
import { markBestPeer } from '../../../bench/compare'
import { Journal } from '../../../bench/journal'
import { median, type Report, type Row, reportName } from '../../../bench/report'
import { rowOf } from '../../../bench/suites/kernels'
import { randomModel, temporary, tiny } from '../../helpers/models'

const model = (type: 'Q8_0' | 'F16' = 'Q8_0') =>
  randomModel(type === 'Q8_0' ? 'bench-tiny' : 'bench-f16', { ...tiny, dtypes: { default: type } })
const silent = () => {}

t.test('the engine suite writes a report of the documented shape, and prints a table', async (t) => {
  const json = temporary('engine.json')
  let printed = ''
  const out = (text: string) => {
    printed += text
  }
  const args = ['engine', '--model', await model(), '--depth', '0,100', '--rows', '4', '--runs', '1', '--threads', '1', '--kv', 'f16,bf16']
  await bench([...args, '--no-peer', '--no-peaks', '--json', json], out, silent)
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
  t.equal(fs.readFileSync(json, 'utf8').split('\n').length, rows.length + 3, 'and in the file')
})

t.test('simulated acceptance is what the rounds of the decoder meet; the text is that of plain decoding', async (t) => {
  process.env.RAGDRAFT_BENCH_BUILD = path.join('build', 'cmake') // where the core is compiled already
  const json = temporary('simulated.json')
  let printed = ''
  const out = (text: string) => {
    printed += text
  }
  const args = ['simulated', '--depth', '200', '--kv', 'f16', '--tokens', '40', '--acceptance', '0.5,1', '--draft-length', '4']
  const of = async (type?: 'F16') => ['--model', await model(type)]
  const how = ['--runs', '2', '--threads', '1', '--no-peer', '--no-peaks', '--json', json]
  await bench([...args, ...(await of()), ...how], out, silent)
  const { rows } = JSON.parse(fs.readFileSync(json, 'utf8')) as Report
  const [auto, fixed] = ['drafter self-q4, auto', 'drafter self-q4']
  t.same(
    rows.map((r) => [r.setting, r.simulatedAcceptance, r.draftLength, r.tokens, r.runs]),
    [
      ['plain', undefined, undefined, 40, 2],
      [auto, 0, undefined, 40, 2],
      [auto, 0.5, undefined, 40, 2],
      [fixed, 0.5, 4, 40, 2],
      [auto, 1, undefined, 40, 2],
      [fixed, 1, 4, 40, 2],
    ],
  )
  const [plain, never, , half, , always] = rows
  t.equal(plain!.drafted, undefined)
  const readBytes = (r: Row) => r.limitMs! * r.readGbps! * 1e6
  const { size } = fs.statSync(await model())
  t.ok(readBytes(plain!) > size / 2 && readBytes(plain!) < 2 * size, 'held against reads of weights, keys and values between its steps')
  t.equal(plain!.limitPercent!.toFixed(2), ((100 * plain!.limitMs!) / plain!.ms).toFixed(2))
  t.equal(never!.accepted, 0)
  t.match(always, { drafted: 32, accepted: 32 }, 'all accepted: five tokens a round')
  t.ok(half!.accepted! > 0 && half!.accepted! < half!.drafted!)
  t.ok(rows.every((r) => r.ms > 0 && Number.isFinite(r.ms)))
  t.match(printed, /SIMULATED acceptance/)

  const drafter = await randomModel('bench-drafter', { ...tiny, layers: 1, dtypes: { default: 'Q8_0' } })
  await bench([...args, ...(await of()), ...how, '--drafter', drafter], () => {}, silent)
  const other = (JSON.parse(fs.readFileSync(json, 'utf8')) as Report).rows
  t.match(other.at(-1), { setting: 'drafter bench-drafter', drafted: 32, accepted: 32 }, 'another model drafts in a cache of its own')
  await t.rejects(bench([...args, ...(await of('F16')), ...how], out, silent), /upper 4 bits/)
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

t.test('results are named after suite, day and machine', (t) => {
  const machine = { cpu: 'Intel(R) Xeon(R) 8', cores: 2, memoryGiB: 1, platform: 'linux-x64', node: 'v20' }
  const report: Report = { machine, commit: 'abc', date: '2026-01-02T03:04:05Z', peaks: null, rows: [] }
  t.equal(reportName('engine', report), 'engine-2026-01-02-intel-xeon-8-2-cores.json')
  t.end()
})

t.test('an interrupted run leaves what it measured', async (t) => {
  const saved: Row[] = []
  const journal = new Journal(silent, (rows) => saved.splice(0, saved.length, ...rows))
  const { ms, runs, ...cell } = peerRow('flash attention', 3)
  t.same(await journal.measure(cell, async () => ({ ms, runs })), { ...cell, ms, runs })
  await t.rejects(
    journal.measure(cell, () => Promise.reject(new Error('no memory'))),
    /no memory/,
  )
  t.same(saved, [{ ...cell, ms, runs }])
})

t.test('arguments that mean nothing are refused before anything is measured', async (t) => {
  const refused = (args: string[], message: RegExp) => t.rejects(bench([...args, '--no-peaks'], silent, silent), { message })
  await refused([], /which suite/)
  await refused(['engines'], /which suite/)
  await refused(['engine', '--depth', '1,x'], /--depth x/)
  await refused(['engine', '--runs', '0'], /--runs 0/)
  await refused(['simulated', '--acceptance', '1.5'], /--acceptance 1\.5/)
  await refused(['table', '--depth', '0', '--json', temporary('never.json')], /table chooses models/)
  await refused(['engine', '--model', 'no-such-model', '--json', temporary('never.json')], /neither a file nor one of llama-3\.2-1b-q8_0/)
  await refused(['engine', '--model', await model(), '--kv', 'q3', '--no-peer'], /kv/i)
})
