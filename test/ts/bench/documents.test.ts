/** Tables in documents are what the kept reports say. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { bench } from '../../../bench/cli'
import { markdownTable, passes, refreshed } from '../../../bench/markdown'
import type { Report, Row } from '../../../bench/report'
import { views } from '../../../bench/suites'
import { temporary } from '../../helpers/models'

const root = path.resolve(__dirname, '..', '..', '..')
const results = path.join(root, 'bench', 'results')

for (const name of ['README.md', 'bench/README.md'])
  t.test(`${name} quotes the kept reports (npm run bench -- report --update ${name})`, (t) => {
    const text = fs.readFileSync(path.join(root, name), 'utf8')
    t.equal(refreshed(text, results, views), text)
    t.equal(text.split('<!-- bench ').length, text.split('<!-- end -->').length, 'every block has its end')
    t.end()
  })

const row = (more: Partial<Row>): Row => ({
  suite: 'engine',
  engine: 'ragdraft',
  model: 'm',
  metric: 'decode',
  rows: 1,
  depth: 0,
  kv: 'f16',
  ms: 10,
  runs: 1,
  ...more,
})
const peer = (more: Partial<Row>) => row({ engine: 'node-llama-cpp', setting: 'flash attention', best: true, ...more })
const report: Report = {
  machine: { cpu: 'x', cores: 2, memoryGiB: 1, platform: 'linux-x64', node: 'v20' },
  commit: 'abc',
  date: '2026-01-02T03:04:05Z',
  peaks: null,
  rows: [
    row({ ms: 12.34 }),
    row({ metric: 'verify', rows: 4, ms: 20 }),
    row({ metric: 'verify', rows: 11, ms: 30 }),
    row({ metric: 'prefill', rows: 512, depth: 4096, ms: 1024 }),
    row({ kv: 'q8', ms: 9 }),
    peer({ ms: 24.68 }),
    peer({ metric: 'verify', rows: 11, ms: 45 }),
    peer({ metric: 'prefill', rows: 512, depth: 4096, ms: 2048 }),
  ],
}

t.test('passes of a model, one line a kind and depth', (t) => {
  t.same(passes(report, 'm', ['f16', 'q8']), [
    ['pass', 'ragdraft, f16', 'node-llama-cpp', 'ratio', 'ragdraft, q8'],
    ['decode, empty context', '12.3 ms', '24.7 ms', '2.00', '9.0 ms'],
    ['verify 4 / 11 rows, empty context', '20 / 30 ms', '- / 45 ms', '- / 1.50', '-'],
    ['prefill of 512 tokens, behind 4,096 tokens', '500 tokens/s', '250 tokens/s', '2.00', '-'],
  ])
  t.throws(() => passes(report, 'n', ['f16']), { message: /no passes of n/ })
  t.end()
})

t.test('a document is rewritten between its markers only', async (t) => {
  const file = temporary('report.json')
  fs.writeFileSync(file, JSON.stringify(report))
  const folder = path.dirname(file)
  const text = 'before\n<!-- bench report.json passes m q8 -->\nold\n<!-- end -->\nafter\n'
  const table = '| pass | ragdraft, q8 |\n|---|---|\n| decode, empty context | 9.0 ms |'
  const expected = `before\n<!-- bench report.json passes m q8 -->\n${table}\n<!-- end -->\nafter\n`
  t.equal(refreshed(text, folder, views), expected)
  t.equal(refreshed(expected, folder, views), expected)
  t.throws(() => refreshed(text.replace('passes', 'pass'), folder, views), { message: /no view pass: / })
  t.equal(markdownTable([['a'], ['x|y']]), '| a |\n|---|\n| x\\|y |')
  let printed = ''
  await bench(
    ['report', file],
    (more) => {
      printed += more
    },
    () => {},
  )
  t.match(printed, /^x, 2 cores, abc\n\n### engine\n\n\| model \| KV/)
})
