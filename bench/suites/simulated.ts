/**
 * Speculation at SIMULATED acceptance rates. Every pass of both models is real, with its real cost; but whether a draft is accepted is
 * drawn from a coin with a fixed seed, for random weights agree on nothing. It shows what given acceptance would be worth, not what
 * acceptance a model reaches.
 */

import type { NativeModel, NativeSequence } from '../../lib/native/binding'
import type { KvType } from '../../lib/options'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../../test/helpers/native'
import { chunk, markBestPeer, openPeer, peerSettings, reach, repeat } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { distinct, median, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const defaultTarget = 'llama-3.2-1b-q8_0'
const defaultDrafters = ['self', 'llama-3.2-1b-q4_0']

export const simulated: Suite = {
  name: 'simulated',
  summary: 'speculation at stated, SIMULATED acceptance rates with the real costs of both models',
  defaults: { depths: [16384, 32768], draftLengths: [1, 2, 3, 4, 6, 8], kvs: ['f16'] },
  run,
  table(rows) {
    const header = ['depth', 'KV', 'setting', 'SIMULATED acceptance', 'best draft length', 'ms/token', 'plain / this', 'peer plain / this']
    const shown = rows.filter((r) => r.best || r.setting === 'plain' || r.setting === 'defaults')
    const lines = shown.map((r) => {
      const same = rows.filter((o) => o.depth === r.depth && o.kv === r.kv)
      const ours = same.find((o) => o.setting === 'plain')
      const peer = same.find((o) => o.engine === 'node-llama-cpp' && o.best)
      return [
        shortCount(r.depth),
        r.kv,
        r.engine === 'ragdraft' ? r.setting! : `node-llama-cpp plain, ${r.setting}`,
        r.simulatedAcceptance === undefined ? '-' : String(r.simulatedAcceptance),
        r.draftLength === undefined ? '-' : String(r.draftLength),
        r.ms.toFixed(1),
        ours ? (ours.ms / r.ms).toFixed(2) : '-',
        peer ? (peer.ms / r.ms).toFixed(2) : '-',
      ]
    })
    return [header, ...lines]
  },
  chart(rows) {
    const titleOf = (r: Row) => `behind ${shortCount(r.depth)} tokens, ${r.kv} KV`
    return {
      title: 'Speculation at SIMULATED acceptance rates, best fixed draft length',
      unit: 'ms for a token of the answer (lower is better); real passes, acceptance drawn from a coin',
      panels: distinct(rows, titleOf).map((title) => {
        const inPanel = rows.filter((r) => titleOf(r) === title)
        const drafting = inPanel.filter((r) => r.best && r.simulatedAcceptance !== undefined)
        const plain = inPanel.filter((r) => r.setting === 'plain' || (r.engine === 'node-llama-cpp' && r.best))
        return {
          title,
          groups: [
            { label: 'plain', bars: plain.map((r) => ({ series: `${r.engine} plain`, value: r.ms })) },
            ...distinct(drafting, (r) => r.simulatedAcceptance!).map((rate) => ({
              label: `simulated ${rate}`,
              bars: drafting.filter((r) => r.simulatedAcceptance === rate).map((r) => ({ series: r.setting!, value: r.ms })),
            })),
          ],
        }
      }),
    }
  },
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const { log } = options
  const rows: Row[] = []
  const file = await modelFile(options.models[0] ?? defaultTarget, log)
  const target = await loadModel(file, { threads: options.threads })
  for (const drafterName of options.drafters.length > 0 ? options.drafters : defaultDrafters) {
    const drafterFile = drafterName === 'self' ? file : await modelFile(drafterName, log)
    const drafter = drafterName === 'self' ? target : await loadModel(drafterFile, { threads: options.threads })
    const setting = `drafter ${drafterName === 'self' ? drafterName : modelLabel(drafterFile)}`
    for (const kv of options.kvs)
      for (const depth of options.depths) await measure({ target, drafter, model: modelLabel(file), setting, kv, depth }, options, rows)
    if (drafter !== target) drafter.close()
  }
  target.close()
  globalThis.gc?.()
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) log(`without the peer: ${missing}`)
  else await peerDecoding(file, options, rows)
  return markBest(markBestPeer(rows))
}

interface Place {
  readonly target: NativeModel
  readonly drafter: NativeModel
  readonly model: string
  readonly setting: string
  readonly kv: string
  readonly depth: number
}

async function measure(place: Place, options: SuiteOptions, rows: Row[]): Promise<void> {
  const { depth, kv, model, setting } = place
  const longest = options.tokens + 32
  const target = await sequenceOf(place.target, depth, longest, kv)
  // What the drafter reads by default: about 4,096 tokens of chunks, or 1/24 of the document where that is more.
  const drafter = await sequenceOf(place.drafter, Math.min(depth, Math.max(4096, Math.round(depth / 24))), longest, kv)
  const add = (row: Pick<Row, 'ms' | 'runs' | 'setting' | 'rows'> & Partial<Row>) => {
    rows.push({ suite: 'simulated', engine: 'ragdraft', model, metric: 'answer', depth, kv, ...row })
    const how = row.draftLength === undefined ? '' : ` SIMULATED acceptance ${row.simulatedAcceptance} length ${row.draftLength}`
    options.log(`${row.setting} depth ${depth}${how}: ${row.ms.toFixed(1)} ms a token`)
  }
  if (!rows.some((r) => r.setting === 'plain' && r.depth === depth && r.kv === kv)) {
    const plain = await repeat(
      options.runs,
      1,
      async () => (await plainAnswer(target, place.target.info.vocab, options.tokens)) / options.tokens,
    )
    add({ ...plain, rows: 1, setting: 'plain' })
  }
  for (const draftLength of options.draftLengths)
    for (const simulatedAcceptance of options.acceptance) {
      const times: number[] = []
      let answer: SimulatedAnswer
      do {
        answer = await simulatedAnswer(target, drafter, draftLength, simulatedAcceptance, options.tokens)
        times.push(answer.ms / answer.tokens)
      } while (times.length < options.runs)
      const { tokens, drafted, accepted } = answer
      const measured = { ms: median(times), runs: times.length, rows: draftLength + 1 }
      add({ ...measured, setting, simulatedAcceptance, draftLength, tokens, drafted, accepted })
    }
  target.close()
  drafter.close()
}

async function sequenceOf(model: NativeModel, depth: number, more: number, kv: string): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: depth + more, kv: kv as KvType })
  await prefill(sequence, randomTokens(depth, 250, depth))
  return sequence
}

/** ms of `tokens` tokens of plain decoding; the sequence is as before. */
async function plainAnswer(sequence: NativeSequence, vocab: number, tokens: number): Promise<number> {
  const fork = sequence.fork()
  const start = performance.now()
  await generate({ mode: 'plain', target: fork, targetPending: Int32Array.of(5), maxTokens: tokens, validTokens: vocab })
  const ms = performance.now() - start
  fork.close()
  return ms
}

export interface SimulatedAnswer {
  readonly ms: number
  /** At least as many as asked for: the last round is whole. */
  readonly tokens: number
  readonly drafted: number
  readonly accepted: number
}

/**
 * Rounds of `draftLength` drafter passes and one target pass, until `tokens` tokens stand. Both sequences are as before afterwards.
 * The coin of a position is the same for every draft length, so that lengths are compared on the same luck.
 */
export async function simulatedAnswer(
  target: NativeSequence,
  drafter: NativeSequence,
  draftLength: number,
  acceptance: number,
  tokens: number,
): Promise<SimulatedAnswer> {
  const [targetDepth, drafterDepth] = [target.length, drafter.length]
  let [stand, drafted, accepted] = [0, 0, 0]
  let pending = 1 // tokens that the drafter has not read: 2 after a round whose drafts were all accepted
  const start = performance.now()
  while (stand < tokens) {
    for (let i = 0; i < draftLength; i++) {
      await evaluate(drafter, randomTokens(pending, 250, stand + i), 1)
      pending = 1
    }
    await evaluate(target, randomTokens(draftLength + 1, 250, stand), draftLength + 1)
    let good = 0
    while (good < draftLength && coin(stand + good) < acceptance) good++
    drafted += draftLength
    accepted += good
    stand += good + 1 // the target's own token after the last good draft
    target.truncate(targetDepth + stand)
    pending = Math.max(1, drafterDepth + stand - drafter.length + 1)
    drafter.truncate(Math.min(drafter.length, drafterDepth + stand))
  }
  const ms = performance.now() - start
  target.truncate(targetDepth)
  drafter.truncate(drafterDepth)
  return { ms, tokens: stand, drafted, accepted }
}

/** A number in [0, 1) that a position always gets: the finaliser of SplitMix64's 32-bit relative, of Murmur3. */
function coin(position: number): number {
  let x = Math.imul(position + 1, 0x9e3779b9) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}

async function peerDecoding(file: string, options: SuiteOptions, rows: Row[]): Promise<void> {
  for (const kv of options.kvs)
    for (const setting of peerSettings(kv, options.peerDefaults)) {
      const contextTokens = Math.max(...options.depths) + chunk
      const peer = await openPeer({ file, kv, threads: options.threads, contextTokens, setting })
      try {
        for (const depth of options.depths) {
          await reach(peer, depth)
          await peer.decode() // warm-up
          const measured = await repeat(8 * options.runs, 3, () => peer.decode())
          const where = { suite: 'simulated', model: modelLabel(file), metric: 'answer', rows: 1, depth, kv } as const
          rows.push({ ...where, engine: peer.name, ...measured, setting })
          options.log(`node-llama-cpp (${setting}) plain, depth ${depth}: ${measured.ms.toFixed(1)} ms a token`)
        }
      } finally {
        await peer.close()
      }
    }
}

/** Marks the best draft length of every drafter, depth and acceptance rate. */
function markBest(rows: readonly Row[]): Row[] {
  const key = (r: Row) => [r.setting, r.depth, r.kv, r.simulatedAcceptance].join('\n')
  const fastest = new Map<string, Row>()
  for (const row of rows) if (row.draftLength !== undefined && row.ms < (fastest.get(key(row))?.ms ?? Infinity)) fastest.set(key(row), row)
  return rows.map((row) => (fastest.get(key(row)) === row ? { ...row, best: true } : row))
}
