/** The command line of the benchmarks. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { parseArgs } from 'node:util'
import { Journal } from './journal'
import { markdownTable, refreshed } from './markdown'
import { measurePeaks } from './native-programs'
import { svgChart } from './plot'
import { alignedTable, commit, heading, keep, machine, type Report } from './report'
import { checksOf, checkTable, suites, suitesOf, views } from './suites'

const options = {
  json: { type: 'string' },
  svg: { type: 'string' },
  keep: { type: 'boolean', default: false },
  update: { type: 'boolean', default: false },
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

export const usage = `npm run bench -- SUITE [options]
${[...suites, { name: 'peaks', summary: 'what this machine reaches at most; every other suite starts with it' }].map((s) => `  ${s.name.padEnd(10)} ${s.summary}`).join('\n')}
  --json FILE, --svg FILE    the report, a plot; --keep: both into bench/results. FILE.part holds what was measured so far:
                             the same command after an interruption goes on from there
  --model GGUF               a file or a name such as llama-3.2-1b-q8_0 (random weights); may be repeated
  --drafter GGUF             suite simulated: the same, or "self", "self-q4"
  --depth LIST --rows LIST --kv LIST --draft-length LIST --acceptance LIST
  --runs N --threads N       runs behind each median; threads of both engines, default all cores
  --tokens N                 suite simulated: tokens of an answer
  --cold MiB                 suite kernels: memory that a sweep goes through
  --read                     contexts are read to their whole depth, not made of copies of 1,024 tokens
  --no-peer                  without node-llama-cpp; --peer-defaults: also as it is by default
  --no-peaks                 do not measure the peaks (no compiler needed)
npm run bench -- report FILE...            the reports as Markdown
npm run bench -- report --update FILE...   the tables that documents quote from bench/results, written anew`

const results = path.join(__dirname, 'results')

/** Runs one suite, or prints reports. @throws Error with the usage for arguments that mean nothing. */
export async function bench(args: readonly string[], out: (text: string) => void, log: (line: string) => void): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  const [name, ...files] = positionals
  if (name === 'report' && files.length > 0) {
    for (const file of files) values.update ? update(file) : out(printed(JSON.parse(fs.readFileSync(file, 'utf8')) as Report))
    return
  }
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
  const place = { machine: machine(), commit: commit() }
  const part = suite && values.json !== undefined ? `${values.json}.part` : undefined
  const measured = async () => (values['no-peaks'] ? null : measurePeaks(threads, log))
  const journal = await Journal.open({ ...place, args }, measured, log, part)
  const rows = (await suite?.run({ ...given, peaks: journal.peaks, journal, log })) ?? []
  const result: Report = { ...place, date: new Date().toISOString(), peaks: journal.peaks, rows }
  const svg = suite ? svgChart(suite.chart(rows), heading(result)) : ''
  if (values.json) fs.writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)
  journal.remove()
  if (values.svg && suite) fs.writeFileSync(values.svg, svg)
  if (values.keep && suite) log(`kept ${keep(results, suite.name, result, svg)}`)
  out(aligned(result))
}

/** For a terminal: every suite's table, and the goals. */
function aligned(report: Report): string {
  const tables = suitesOf(report).map(({ name, table }) => alignedTable(table(report.rows.filter((r) => r.suite === name))))
  const checks = checksOf(report)
  return [heading(report), ...tables, ...(checks.length > 0 ? [alignedTable(checkTable(checks))] : [])].join('\n\n').concat('\n')
}

/** The same as Markdown. */
function printed(report: Report): string {
  const sections = [...suitesOf(report).map((s) => s.name), ...(checksOf(report).length > 0 ? ['goals'] : [])]
  return [heading(report), ...sections.map((name) => `### ${name}\n\n${markdownTable(views[name]!(report, []))}`)].join('\n\n').concat('\n')
}

function update(document: string): void {
  fs.writeFileSync(document, refreshed(fs.readFileSync(document, 'utf8'), results, views))
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
