/** The command line of the benchmarks. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { parseArgs } from 'node:util'
import { measurePeaks } from './native-programs'
import { svgChart } from './plot'
import { alignedTable, heading, keep, type Report, report } from './report'
import type { Suite } from './suite'
import { answers } from './suites/answers'
import { engine } from './suites/engine'
import { kernels } from './suites/kernels'
import { simulated } from './suites/simulated'

const suites: readonly Suite[] = [kernels, engine, answers, simulated]

const options = {
  json: { type: 'string' },
  svg: { type: 'string' },
  keep: { type: 'boolean', default: false },
  model: { type: 'string', multiple: true, default: [] as string[] },
  drafter: { type: 'string', multiple: true, default: [] as string[] },
  depth: { type: 'string' },
  rows: { type: 'string' },
  'draft-length': { type: 'string' },
  acceptance: { type: 'string', default: '0.6,0.75,0.9,0.95' },
  tokens: { type: 'string', default: '128' },
  kv: { type: 'string' },
  runs: { type: 'string', default: '5' },
  threads: { type: 'string', default: String(os.availableParallelism()) },
  cold: { type: 'string', default: '1024' },
  'no-peer': { type: 'boolean', default: false },
  'peer-defaults': { type: 'boolean', default: false },
  'no-peaks': { type: 'boolean', default: false },
} as const

export const usage = `npm run bench -- SUITE [options]
${[...suites, { name: 'peaks', summary: 'what this machine reaches at most; every other suite starts with it' }].map((s) => `  ${s.name.padEnd(10)} ${s.summary}`).join('\n')}
  --json FILE, --svg FILE    the report, a plot; --keep: both into bench/results
  --model GGUF               a file or a name such as llama-3.2-1b-q8_0 (random weights); may be repeated
  --drafter GGUF             suite simulated: the same, or "self"
  --depth LIST --rows LIST --kv LIST --draft-length LIST --acceptance LIST
  --runs N --threads N       runs behind each median; threads of both engines, default all cores
  --tokens N                 suite simulated: tokens of an answer
  --cold MiB                 suite kernels: memory that a sweep goes through
  --no-peer                  without node-llama-cpp; --peer-defaults: also as it is by default
  --no-peaks                 do not measure the peaks (no compiler needed)`

/** Runs one suite. @throws Error with the usage for arguments that mean nothing. */
export async function bench(args: readonly string[], out: (text: string) => void, log: (line: string) => void): Promise<Report> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  const [name] = positionals
  const suite = suites.find((s) => s.name === name)
  if (positionals.length !== 1 || (!suite && name !== 'peaks')) throw new Error(`which suite?\n${usage}`)
  const threads = whole('--threads', values.threads, 1)
  const peaks = values['no-peaks'] ? null : await measurePeaks(threads, log)
  const rows = await (suite?.run({
    models: values.model,
    drafters: values.drafter,
    depths: list(values.depth, suite.defaults.depths, (text) => whole('--depth', text, 0)),
    rows: list(values.rows, suite.defaults.rows, (text) => whole('--rows', text, 1)),
    draftLengths: list(values['draft-length'], suite.defaults.draftLengths, (text) => whole('--draft-length', text, 1)),
    acceptance: list(values.acceptance, [], share),
    kvs: list(values.kv, suite.defaults.kvs, (text) => text),
    tokens: whole('--tokens', values.tokens, 1),
    runs: whole('--runs', values.runs, 1),
    threads,
    coldMiB: whole('--cold', values.cold, 1),
    peer: !values['no-peer'],
    peerDefaults: values['peer-defaults'],
    peaks,
    log,
  }) ?? [])
  const result = report(peaks, rows)
  const svg = suite ? svgChart(suite.chart(rows), heading(result)) : ''
  if (values.json) fs.writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)
  if (values.svg && suite) fs.writeFileSync(values.svg, svg)
  if (values.keep && suite) log(`kept ${keep(path.join(__dirname, 'results'), suite.name, result, svg)}`)
  out(`${heading(result)}\n${suite ? `${alignedTable(suite.table(rows))}\n` : ''}`)
  return result
}

function list<T>(text: string | undefined, fallback: readonly T[] | undefined, item: (text: string) => T): readonly T[] {
  return text === undefined ? (fallback ?? []) : text.split(',').map(item)
}

function whole(option: string, text: string, least: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new Error(`${option} ${text}: not an integer of at least ${least}`)
  return value
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new Error(`--acceptance ${text}: not a number from 0 to 1`)
  return value
}
