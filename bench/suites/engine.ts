/** Prefill, decode and verify at several depths, ours beside node-llama-cpp's on the same file in the same run. */
import { randomTokens } from '../../test/helpers/native'
import { compared, peerKvType, peerOf, peerSettings } from '../compare'
import { type Contender, chunk, inTurn, openOurs, openPeer, reach } from '../contenders'
import { limitMs, type Shape, shapeOf } from '../limits'
import { modelFile, modelLabel } from '../models'
import { measureReads } from '../native-programs'
import { peerMissing } from '../peers/peer'
import type { Cell, Measured, Row } from '../report'
import type { Suite, SuiteOptions } from '../suite'

const defaultModels = ['llama-3.2-1b-q8_0', 'llama-3.2-1b-q4_k_m', 'llama-3.2-1b-bf16', 'qwen2.5-0.5b-q8_0', 'qwen2.5-0.5b-q4_k_m']

export const engine: Suite = {
  name: 'engine',
  summary: 'prefill, decode and verify at depths, beside node-llama-cpp',
  defaults: { depths: [0, 4096, 16384, 32768], rows: [4, 8, 11, 17], kvs: ['f16'] },
  run(options) {
    const models = options.models.length > 0 ? options.models : defaultModels
    const plans = models.flatMap((model) =>
      options.kvs.map((kv): Plan => {
        const peer = peerKvType(kv) === kv || !options.kvs.includes(peerKvType(kv)) // else it is measured anyway
        return { model, kv, depths: options.depths, rows: options.rows, prefill: options.depths, peer }
      }),
    )
    return measurePlans(plans, options)
  },
  table,
}

/** What is measured of one model with one KV type: decode and verify at all depths, prefill at some. */
export interface Plan {
  readonly model: string
  readonly kv: string
  readonly depths: readonly number[]
  readonly rows: readonly number[]
  readonly prefill: readonly number[]
  readonly peer: boolean
}

export async function measurePlans(plans: readonly Plan[], options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  for (const plan of plans) {
    const file = await modelFile(plan.model, options.log)
    const shape = await shapeOf(file)
    const common = { file, threads: options.threads, contextTokens: Math.max(...plan.depths) + chunk + 64 }
    const contenders: Contender[] = []
    try {
      contenders.push(await openOurs({ ...common, kv: plan.kv }))
      if (!missing && plan.peer)
        for (const setting of peerSettings(peerKvType(plan.kv), options.peerDefaults))
          contenders.push(await openPeer({ ...common, kv: peerKvType(plan.kv), setting }))
      await measure(contenders, modelLabel(file), plan, shape, options, rows)
    } finally {
      for (const contender of contenders) await contender.close()
      globalThis.gc?.()
    }
  }
  return compared(rows)
}

/** Every pass of all contenders side by side: a run of each in turn. */
async function measure(
  contenders: readonly Contender[],
  model: string,
  plan: Plan,
  shape: Shape,
  { runs, threads, read, journal, log, ...options }: SuiteOptions,
  rows: Row[],
): Promise<void> {
  for (const depth of plan.depths) {
    let { peaks } = options
    const add = async (metric: Cell['metric'], count: number, measured: readonly Measured[]) => {
      for (const [i, { name, setting }] of contenders.entries()) {
        const kv = name === 'ragdraft' ? plan.kv : peerKvType(plan.kv)
        const cell = { suite: 'engine', engine: name, model, metric, rows: count, depth, kv, ...(setting ? { setting } : {}) } as const
        const row = await journal.measure(cell, async () => measured[i]!)
        const limit = peaks ? limitMs(shape, cell, peaks) : undefined
        rows.push(limit === undefined ? row : { ...row, limitMs: limit, limitPercent: (100 * limit) / row.ms })
      }
    }
    const time = (least: number, pass: (there: Contender) => Promise<number>) =>
      inTurn(
        runs,
        least,
        contenders.map((there) => () => pass(there)),
      )
    for (const there of contenders) {
      await reach(there, depth, read)
      await there.decode() // warm-up
    }
    const reads = async () => (peaks ? measureReads(threads, log) : 0)
    const before = await reads()
    const [ours, ...others] = await time(3, (there) => there.decode())
    const readGbps = Math.max(before, await reads())
    if (peaks) peaks = { ...peaks, readGbps: { ...peaks.readGbps, all: readGbps } }
    await add('decode', 1, [peaks ? { ...ours!, readGbps } : ours!, ...others])
    for (const count of plan.rows) await add('verify', count, await time(3, (there) => there.verify(count)))
    if (!plan.prefill.includes(depth)) continue
    const tokens = randomTokens(chunk, 250, depth)
    const prefill = async (there: Contender) => {
      await there.truncate(depth)
      return there.append(tokens)
    }
    await add('prefill', chunk, await time(1, prefill))
  }
}

/** One line a measurement: ours, the peer's better setting, its defaults, and how many times faster we are than the better one. */
function table(rows: readonly Row[]): string[][] {
  const key = (r: Row) => [r.model, peerKvType(r.kv), r.metric, r.depth, r.rows].join('\n')
  const lines = [
    ['model', 'KV', 'metric', 'depth', 'rows', 'ms', 'tokens/s', 'of limit', 'peer ms', 'its setting', 'peer / ours', 'peer defaults ms'],
  ]
  for (const ours of rows.filter((r) => r.engine === 'ragdraft')) {
    const peer = peerOf(ours, rows)
    const defaults = rows.find((r) => r.engine === 'node-llama-cpp' && r.setting === 'defaults' && key(r) === key(ours))
    lines.push([
      ours.model,
      ours.kv,
      ours.metric,
      String(ours.depth),
      String(ours.rows),
      ours.ms.toFixed(1),
      ((ours.rows * 1000) / ours.ms).toFixed(1),
      ours.limitPercent === undefined ? '-' : `${ours.limitPercent.toFixed(0)} %`,
      peer ? peer.ms.toFixed(1) : '-',
      peer ? `${peer.setting}${peer.kv === ours.kv ? '' : `, ${peer.kv}`}` : '-',
      peer ? (peer.ms / ours.ms).toFixed(2) : '-',
      defaults ? defaults.ms.toFixed(1) : '-',
    ])
  }
  return lines
}
