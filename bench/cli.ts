/** The command line of the benchmarks. */
import * as os from 'node:os'
import * as path from 'node:path'
import { parseArgs } from 'node:util'
import { Journal } from './journal'
import { measurePeaks } from './native-programs'
import { alignedTable, commit, heading, machine, type Report, type Row, reportName, writeReport } from './report'
import { suites } from './suites'

const options = {
  help: { type: 'boolean', short: 'h', default: false },
  json: { type: 'string' },
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
  read: { type: 'boolean', default: false },
  'no-peer': { type: 'boolean', default: false },
  'peer-defaults': { type: 'boolean', default: false },
  'no-peaks': { type: 'boolean', default: false },
} as const

const usage = `npm run bench -- SUITE [options]      prints a table and writes the measurements as JSON
${[...suites, { name: 'peaks', summary: 'what this machine reaches at most; every other suite starts with it' }].map((s) => `  ${s.name.padEnd(10)} ${s.summary}`).join('\n')}
  --json FILE                where the JSON goes; default bench/results/SUITE-DAY-MACHINE.json
  --model GGUF               a file or a name such as llama-3.2-1b-q8_0 (random weights); may be repeated
  --drafter GGUF             suite simulated: the same, or "self", "self-q4"
  --depth LIST --rows LIST --kv LIST --draft-length LIST --acceptance LIST
  --runs N --threads N       runs per median; threads of both engines, default all cores
  --tokens N                 suite simulated: tokens of an answer
  --cold MiB                 suite kernels: memory that a sweep goes through
  --read                     contexts are read to their whole depth, not made of copies of 1,024 tokens
  --no-peer                  without node-llama-cpp; --peer-defaults: also as it is by default
  --no-peaks                 do not measure the peaks (no compiler needed)
`

/** Runs one suite. @throws Error with the usage for arguments that mean nothing. */
export async function bench(args: readonly string[], out: (text: string) => void, log: (line: string) => void): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  if (values.help) return out(usage)
  const [name] = positionals
  const suite = suites.find((s) => s.name === name)
  if (positionals.length !== 1 || (!suite && name !== 'peaks')) throw new Error(`which suite?\n${usage}`)
  const threads = whole('--threads', values.threads, 1)
  const given = {
    models: values.model,
    drafters: values.drafter,
    depths: list(values.depth, suite?.defaults.depths, (text) => whole('--depth', text, 0)),
    rows: list(values.rows, suite?.defaults.rows, (text) => whole('--rows', text, 1)),
    draftLengths: list(values['draft-length'], suite?.defaults.draftLengths, (text) => whole('--draft-length', text, 1)),
    acceptance: list(values.acceptance, [], share),
    kvs: list(values.kv, suite?.defaults.kvs, (text) => text),
    tokens: whole('--tokens', values.tokens, 1),
    runs: whole('--runs', values.runs, 1),
    threads,
    coldMiB: whole('--cold', values.cold, 1),
    read: values.read,
    peer: !values['no-peer'],
    peerDefaults: values['peer-defaults'],
  }
  const peaks = values['no-peaks'] ? null : await measurePeaks(threads, log)
  const report = (rows: readonly Row[]): Report => ({ machine: machine(), commit: commit(), date, peaks, rows })
  const date = new Date().toISOString()
  const file = values.json ?? (suite && path.join(__dirname, 'results', reportName(suite.name, report([]))))
  const save = (rows: readonly Row[]) => file && writeReport(file, report(rows))
  const rows = (await suite?.run({ ...given, peaks, journal: new Journal(log, save), log })) ?? []
  save(rows)
  const tables = suites
    .map(({ name, table }) => ({ table, own: rows.filter((r) => r.suite === name) }))
    .filter(({ own }) => own.length > 0)
    .map(({ table, own }) => alignedTable(table(own)))
  out([heading(report(rows)), ...tables].join('\n\n').concat('\n'))
  if (file) log(`wrote ${path.relative('', file)}`)
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
