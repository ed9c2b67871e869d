/**
 * Speculation at SIMULATED acceptance rates. Every pass of both models is real, with its real cost, and so are the decoder's rounds and what
 * it decides; but what the drafter says is given, right or wrong by a coin with a fixed seed, for random weights agree on nothing. It shows
 * what given acceptance would be worth, not what acceptance a model reaches.
 */

import { markBestPeer, peerKvType, peerOf, peerSettings } from '../compare'
import { chunk, openPeer, peerPlain, withOpened } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { type AnswerTime, timeAnswers } from '../native-programs'
import { peerMissing } from '../peers/peer'
import { type Cell, distinct, type Measured, median, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const defaultTarget = 'llama-3.2-1b-q8_0'
const defaultDrafters = ['self-q4']

/** The target drafts for itself in its own cache, as in `lossless`: with all of its weights, or by their upper 4 bits. */
const selfDrafters: readonly string[] = ['self', 'self-q4']

const plain = 'plain'
/** Of ragdraft_answers. */
const [autoLength, plainLength] = [-1, 0]

export const simulated: Suite = {
  name: 'simulated',
  summary: 'speculation at stated, SIMULATED acceptance rates with the real costs of both models',
  defaults: { depths: [16384, 32768], draftLengths: [1, 2, 4, 8], kvs: ['bf16'] },
  run,
  table(rows) {
    const times = ['ms/token', 'plain / this', 'peer plain / this', 'accepted / drafted', 'of the limit']
    const header = ['depth', 'KV', 'setting', 'SIMULATED acceptance', 'draft length', ...times]
    const shown = rows.filter((r) => r.best || (r.draftLength === undefined && r.engine === 'ragdraft') || r.setting === 'defaults')
    const lines = shown.map((r) => {
      const same = rows.filter((o) => o.depth === r.depth && o.kv === r.kv)
      const ours = same.find((o) => o.setting === plain)
      const peer = peerOf(r, rows)
      return [
        shortCount(r.depth),
        r.kv,
        r.engine === 'ragdraft' ? r.setting! : `node-llama-cpp plain, ${r.setting}`,
        r.simulatedAcceptance === undefined ? '-' : String(r.simulatedAcceptance),
        r.draftLength === undefined ? '-' : `best: ${r.draftLength}`,
        r.ms.toFixed(1),
        ours ? (ours.ms / r.ms).toFixed(2) : '-',
        peer ? (peer.ms / r.ms).toFixed(2) : '-',
        r.drafted === undefined ? '-' : `${r.accepted} / ${r.drafted}`,
        r.limitPercent === undefined ? '-' : `${r.limitPercent.toFixed(0)} % (${r.readGbps!.toFixed(1)} GB/s)`,
      ]
    })
    return [header, ...lines]
  },
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const file = await modelFile(options.models[0] ?? defaultTarget, options.log)
  for (const name of options.drafters.length > 0 ? options.drafters : defaultDrafters) {
    const own = selfDrafters.includes(name)
    const drafter = own ? name : await modelFile(name, options.log)
    for (const kv of options.kvs)
      for (const depth of options.depths) await measure(file, drafter, own ? name : modelLabel(drafter), depth, kv, options, rows)
  }
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  else await peerDecoding(file, options, rows)
  return markBest(markBestPeer(rows))
}

/** All settings at one depth, which the program measures side by side; not again where the journal has them. */
async function measure(
  file: string,
  drafter: string,
  name: string,
  depth: number,
  kv: string,
  options: SuiteOptions,
  rows: Row[],
): Promise<void> {
  const { tokens, runs, threads, draftLengths, log } = options
  const acceptance = [0, ...options.acceptance]
  let times: Promise<AnswerTime[]> | undefined
  const timed = async (length: number, rate: number): Promise<Measured> => {
    const numbers = { depth, tokens, runs, threads, ...(options.read ? { read: 1 } : {}) }
    times ??= timeAnswers({ model: file, drafter, kv, ...numbers, acceptance: acceptance.join(','), lengths: draftLengths.join(',') }, log)
    const found = (await times).find((time) => time.length === length && time.acceptance === rate)!
    const { drafted, accepted, readGbps, limitMs } = found
    const measured = { ms: median(found.ms), runs: found.ms.length, tokens: found.tokens }
    if (length !== plainLength) return { ...measured, drafted, accepted }
    return { ...measured, readGbps: readGbps!, limitMs: limitMs!, limitPercent: (100 * limitMs!) / measured.ms }
  }
  const add = async (cell: Pick<Cell, 'rows' | 'setting'> & Partial<Cell>, length: number) => {
    const full: Cell = { suite: 'simulated', engine: 'ragdraft', model: modelLabel(file), metric: 'answer', depth, kv, ...cell }
    rows.push(await options.journal.measure(full, () => timed(length, cell.simulatedAcceptance ?? 0)))
  }
  if (!rows.some((r) => r.setting === plain && r.depth === depth && r.kv === kv)) await add({ rows: 1, setting: plain }, plainLength)
  for (const simulatedAcceptance of acceptance) {
    await add({ rows: 1, setting: `drafter ${name}, auto`, simulatedAcceptance }, autoLength)
    if (simulatedAcceptance === 0) continue // a fixed length is an order, however wrong the drafter is
    for (const draftLength of draftLengths)
      await add({ rows: draftLength + 1, setting: `drafter ${name}`, simulatedAcceptance, draftLength }, draftLength)
  }
}

async function peerDecoding(file: string, options: SuiteOptions, rows: Row[]): Promise<void> {
  const contextTokens = Math.max(...options.depths) + chunk
  for (const kv of distinct(options.kvs, peerKvType))
    for (const setting of peerSettings(kv, options.peerDefaults))
      await withOpened(
        () => openPeer({ file, kv, threads: options.threads, contextTokens, setting }),
        async (peer) => {
          for (const depth of options.depths) {
            const cell = { suite: 'simulated', engine: 'node-llama-cpp', model: modelLabel(file), metric: 'answer', rows: 1 } as const
            rows.push(await options.journal.measure({ ...cell, depth, kv, setting }, () => peerPlain(peer, depth, options)))
          }
        },
      )
}

/** Marks the best draft length of every drafter, depth and acceptance rate. */
function markBest(rows: readonly Row[]): Row[] {
  const key = (r: Row) => [r.setting, r.depth, r.kv, r.simulatedAcceptance].join('\n')
  const fastest = new Map<string, Row>()
  for (const row of rows) if (row.draftLength !== undefined && row.ms < (fastest.get(key(row))?.ms ?? Infinity)) fastest.set(key(row), row)
  return rows.map((row) => (fastest.get(key(row)) === row ? { ...row, best: true } : row))
}
