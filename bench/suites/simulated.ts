/**
 * Speculation at SIMULATED acceptance rates. Every pass of both models is real, with its real cost; but whether a draft is accepted is
 * drawn from a coin with a fixed seed, for random weights agree on nothing. It shows what given acceptance would be worth, not what
 * acceptance a model reaches.
 */

import type { NativeModel, NativeSequence } from '../../lib/native/binding'
import type { KvType } from '../../lib/options'
import { evaluate, generate, loadModel, randomTokens } from '../../test/helpers/native'
import { markBestPeer, peerKvType, peerOf, peerSettings } from '../compare'
import { chunk, contextOf, openPeer, peerPlain, reach, repeat, withOpened } from '../contenders'
import { answerGoals, autoChecks } from '../goals'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { type Cell, distinct, type Measured, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const defaultTarget = 'llama-3.2-1b-q8_0'
const defaultDrafters = ['self-q4']

/** The target drafts for itself, with all of its weights or by their upper 4 bits, in its own cache as `lossless` does. */
const selfDrafters: Readonly<Record<string, 'full' | 'draft'>> = { self: 'full', 'self-q4': 'draft' }

const plain = 'plain'
/** Not simulated: the decoder's own rounds with a drafter that has read another text, on random weights. */
const alwaysWrong = 'auto, always wrong'

export const simulated: Suite = {
  name: 'simulated',
  summary: 'speculation at stated, SIMULATED acceptance rates with the real costs of both models',
  defaults: { depths: [16384, 32768], draftLengths: [1, 2, 3, 4, 6, 8], kvs: ['f16'] },
  run,
  table(rows) {
    const times = ['ms/token', 'plain / this', 'peer plain / this', 'accepted / drafted']
    const header = ['depth', 'KV', 'setting', 'SIMULATED acceptance', 'best draft length', ...times]
    const shown = rows.filter((r) => r.best || (r.simulatedAcceptance === undefined && r.engine === 'ragdraft') || r.setting === 'defaults')
    const lines = shown.map((r) => {
      const same = rows.filter((o) => o.depth === r.depth && o.kv === r.kv)
      const ours = same.find((o) => o.setting === plain)
      const peer = peerOf(r, rows)
      return [
        shortCount(r.depth),
        r.kv,
        r.engine === 'ragdraft' ? r.setting! : `node-llama-cpp plain, ${r.setting}`,
        r.simulatedAcceptance === undefined ? '-' : String(r.simulatedAcceptance),
        r.draftLength === undefined ? '-' : String(r.draftLength),
        r.ms.toFixed(1),
        ours ? (ours.ms / r.ms).toFixed(2) : '-',
        peer ? (peer.ms / r.ms).toFixed(2) : '-',
        r.drafted === undefined ? '-' : `${r.accepted} / ${r.drafted}`,
      ]
    })
    return [header, ...lines]
  },
  checks: (rows) => [...autoChecks(rows, plain), ...answerGoals(rows)],
  chart(rows) {
    const titleOf = (r: Row) => `behind ${shortCount(r.depth)} tokens, ${r.kv} KV`
    const titles = distinct(
      rows.filter((r) => r.engine === 'ragdraft'),
      titleOf,
    )
    return {
      title: 'Speculation at SIMULATED acceptance rates, best fixed draft length',
      unit: 'ms for a token of the answer (lower is better); real passes, acceptance drawn from a coin',
      panels: titles.map((title) => {
        const inPanel = rows.filter((r) => titleOf(r) === title && r.engine === 'ragdraft')
        const drafting = inPanel.filter((r) => r.best)
        const undrafted = inPanel
          .filter((r) => r.setting === plain)
          .flatMap((r) => {
            const peer = peerOf(r, rows)
            return peer ? [r, peer] : [r]
          })
        return {
          title,
          groups: [
            { label: plain, bars: undrafted.map((r) => ({ series: `${r.engine} plain`, value: r.ms })) },
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
  const rows: Row[] = []
  const file = await modelFile(options.models[0] ?? defaultTarget, options.log)
  const open = (path: string) => () => loadModel(path, { threads: options.threads })
  await withOpened(open(file), async (target) => {
    for (const name of options.drafters.length > 0 ? options.drafters : defaultDrafters) {
      const of = { target, model: modelLabel(file) }
      const own = selfDrafters[name]
      if (own) await measureAll({ ...of, drafter: target, precision: own, catchesUp: false, setting: `drafter ${name}` }, options, rows)
      else {
        const drafterFile = await modelFile(name, options.log)
        const setting = `drafter ${modelLabel(drafterFile)}`
        await withOpened(open(drafterFile), (drafter) =>
          measureAll({ ...of, drafter, precision: 'full', catchesUp: true, setting }, options, rows),
        )
      }
    }
  })
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  else await peerDecoding(file, options, rows)
  return markBest(markBestPeer(rows))
}

/** What models, and how the drafter's passes read its weights. */
interface Pair {
  readonly target: () => Promise<NativeModel>
  readonly drafter: () => Promise<NativeModel>
  readonly precision: 'full' | 'draft'
  /** It must read what the target added to its accepted drafts. */
  readonly catchesUp: boolean
  readonly model: string
  readonly setting: string
}

async function measureAll(pair: Pair, options: SuiteOptions, rows: Row[]): Promise<void> {
  for (const kv of options.kvs)
    for (const depth of options.depths)
      await withOpened(
        () => openSequences(pair, depth, kv, options),
        (sequences) => measure(pair, depth, kv, sequences, options, rows),
      )
}

interface Sequences {
  readonly target: NativeSequence
  readonly drafter: NativeSequence
  /** Tokens that an answer may consist of. */
  readonly vocab: number
  close(): void
}

async function openSequences({ target, drafter, precision }: Pair, depth: number, kv: string, options: SuiteOptions): Promise<Sequences> {
  const [targetModel, drafterModel] = [await target(), await drafter()]
  const open = async (model: NativeModel, tokens: number, precision: Pair['precision'], seed: number) => {
    const sequence = model.createSequence({ contextTokens: tokens + options.tokens + 32, kv: kv as KvType, precision })
    await reach(contextOf(sequence), tokens, options.read, seed)
    return sequence
  }
  const sequences = [
    await open(targetModel, depth, 'full', 0),
    // What a drafter reads by default: about 4,096 tokens of chunks, or 1/24 of the document where that is more. Another text.
    await open(drafterModel, Math.min(depth, Math.max(4096, Math.round(depth / 24))), precision, 1),
  ] as const
  const close = () => {
    for (const sequence of sequences) sequence.close()
  }
  return { target: sequences[0], drafter: sequences[1], vocab: targetModel.info.vocab, close }
}

async function measure(
  { model, setting, catchesUp }: Pair,
  depth: number,
  kv: string,
  sequences: () => Promise<Sequences>,
  options: SuiteOptions,
  rows: Row[],
): Promise<void> {
  const add = async (cell: Pick<Cell, 'rows' | 'setting'> & Partial<Cell>, work: (sequences: Sequences) => Promise<Measured>) => {
    const full: Cell = { suite: 'simulated', engine: 'ragdraft', model, metric: 'answer', depth, kv, ...cell }
    rows.push(await options.journal.measure(full, async () => work(await sequences())))
  }
  const { tokens, runs } = options
  if (!rows.some((r) => r.setting === plain && r.depth === depth && r.kv === kv))
    await add({ rows: 1, setting: plain }, (s) => repeat(runs, 1, async () => (await realAnswer(s, tokens, { mode: 'plain' })).ms))
  await add({ rows: 1, setting: `${setting}, ${alwaysWrong}` }, async (s) => {
    const answers: RealAnswer[] = []
    const measured = await repeat(runs, 1, async () => {
      answers.push(await realAnswer(s, tokens, { mode: 'lossless', draftLength: -1, ngram: false, drafter: s.drafter }))
      return answers.at(-1)!.ms
    })
    const { drafted, accepted } = answers.at(-1)!
    return { ...measured, tokens, drafted, accepted }
  })
  for (const draftLength of options.draftLengths)
    for (const simulatedAcceptance of options.acceptance)
      await add({ rows: draftLength + 1, setting, simulatedAcceptance, draftLength }, async ({ target, drafter }) => {
        const answers: SimulatedAnswer[] = []
        const measured = await repeat(runs, 1, async () => {
          const answer = await simulatedAnswer(target, drafter, draftLength, simulatedAcceptance, tokens, catchesUp)
          answers.push(answer)
          return answer.ms / answer.tokens
        })
        const { tokens: stood, drafted, accepted } = answers.at(-1)!
        return { ...measured, tokens: stood, drafted, accepted }
      })
}

interface RealAnswer {
  /** Of a token. */
  readonly ms: number
  readonly drafted: number
  readonly accepted: number
}

/** `tokens` tokens of the decoder's own rounds, nothing simulated; the sequences are as before. */
async function realAnswer(
  { target, vocab }: Sequences,
  tokens: number,
  { drafter, ...how }: { mode: 'plain' | 'lossless'; draftLength?: number; ngram?: boolean; drafter?: NativeSequence },
): Promise<RealAnswer> {
  const forks = [target.fork(), drafter?.fork()] as const
  const start = performance.now()
  try {
    const { stats } = await generate({
      ...how,
      target: forks[0],
      targetPending: Int32Array.of(5),
      drafter: forks[1] ?? null,
      drafterPending: forks[1] ? Int32Array.of(5) : new Int32Array(),
      maxTokens: tokens,
      validTokens: vocab,
    })
    return { ms: (performance.now() - start) / tokens, drafted: stats.drafted, accepted: stats.accepted }
  } finally {
    for (const fork of forks) fork?.close()
  }
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
  catchesUp: boolean,
): Promise<SimulatedAnswer> {
  const [targetDepth, drafterDepth] = [target.length, drafter.length]
  let [stand, drafted, accepted] = [0, 0, 0]
  let pending = 1 // tokens that the drafter has not read: where it must catch up, 2 after a round whose drafts were all accepted
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
    if (catchesUp) pending = Math.max(1, drafterDepth + stand - drafter.length + 1)
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
