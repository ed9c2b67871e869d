/** Prefill, decode and verify at several depths, ours beside node-llama-cpp's on the same file in the same run. */
import { randomTokens } from '../../test/helpers/native'
import { compared, peerKvType, peerOf, peerSettings } from '../compare'
import { type Contender, chunk, openOurs, openPeer, reach, repeat, withOpened } from '../contenders'
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
    const of = { suite: 'engine', model: modelLabel(file) } as const
    const { kv } = plan
    await withOpened(
      () => openOurs({ ...common, kv }),
      (ours) => measure(ours, { ...of, kv, engine: 'ragdraft' }, plan, shape, options, rows),
    )
    if (missing || !plan.peer) continue
    const peerKv = peerKvType(kv)
    for (const setting of peerSettings(peerKv, options.peerDefaults))
      await withOpened(
        () => openPeer({ ...common, kv: peerKv, setting }),
        (peer) => measure(peer, { ...of, kv: peerKv, engine: 'node-llama-cpp', setting }, plan, shape, options, rows),
      )
  }
  return compared(rows)
}

async function measure(
  contender: () => Promise<Contender>,
  of: Pick<Cell, 'suite' | 'engine' | 'model' | 'kv' | 'setting'>,
  plan: Plan,
  shape: Shape,
  options: SuiteOptions,
  rows: Row[],
): Promise<void> {
  for (const depth of plan.depths) {
    let peaks = options.peaks
    const cell = async (metric: Cell['metric'], count: number, work: (there: Contender) => Promise<Measured>) => {
      const pass = { metric, rows: count, depth }
      const row = await options.journal.measure({ ...of, ...pass }, async () => {
        const there = await contender()
        await reach(there, depth, options.read)
        return work(there)
      })
      if (peaks && row.readGbps) peaks = { ...peaks, readGbps: { ...peaks.readGbps, all: row.readGbps } }
      const limit = peaks ? limitMs(shape, { ...pass, kv: of.kv }, peaks) : undefined
      rows.push(limit === undefined ? row : { ...row, limitMs: limit, limitPercent: (100 * limit) / row.ms })
    }
    await cell('decode', 1, async (there) => {
      await there.decode() // warm-up
      const reads = async () => (peaks && of.engine === 'ragdraft' ? measureReads(options.threads, options.log) : 0)
      const before = await reads()
      const decode = await repeat(options.runs, 3, () => there.decode())
      const readGbps = Math.max(before, await reads())
      return readGbps > 0 ? { ...decode, readGbps } : decode
    })
    for (const count of plan.rows) await cell('verify', count, (there) => repeat(options.runs, 3, () => there.verify(count)))
    if (!plan.prefill.includes(depth)) continue
    const tokens = randomTokens(chunk, 250, depth)
    await cell('prefill', chunk, (there) =>
      repeat(options.runs, 1, async () => {
        await there.truncate(depth)
        return there.append(tokens)
      }),
    )
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
