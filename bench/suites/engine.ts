/** Prefill, decode and verify at several depths, ours beside node-llama-cpp's on the same file in the same run. */
import { randomTokens } from '../../test/helpers/native'
import { type Contender, chunk, markBestPeer, openOurs, openPeer, peerSettings, reach, repeat } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { distinct, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const defaultModels = ['llama-3.2-1b-q8_0', 'llama-3.2-1b-q4_k_m', 'qwen2.5-0.5b-q8_0', 'qwen2.5-0.5b-q4_k_m']

export const engine: Suite = {
  name: 'engine',
  summary: 'prefill, decode and verify at depths, beside node-llama-cpp',
  defaults: { depths: [0, 4096, 16384, 32768], rows: [2, 4, 8, 11, 16], kvs: ['f16'] },
  run,
  table,
  chart(rows) {
    const titleOf = (r: Row) => `${r.model}, ${r.kv} KV: ${r.metric}${r.metric === 'decode' ? '' : ` of ${r.rows} rows`}`
    return {
      title: 'Time of one pass by tokens in the context',
      unit: 'ms (lower is better)',
      panels: distinct(rows, titleOf).map((title) => {
        const inPanel = rows.filter((r) => titleOf(r) === title)
        return {
          title,
          groups: distinct(inPanel, (r) => r.depth).map((depth) => ({
            label: shortCount(depth),
            bars: inPanel
              .filter((r) => r.depth === depth && (r.engine === 'ragdraft' || r.best))
              .map((r) => ({ series: r.engine, value: r.ms })),
          })),
        }
      }),
    }
  },
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  for (const name of options.models.length > 0 ? options.models : defaultModels) {
    const file = await modelFile(name, options.log)
    for (const kv of options.kvs) {
      const common = { file, kv, threads: options.threads, contextTokens: Math.max(...options.depths) + chunk + 64 }
      const measureAndClose = async (contender: Contender) => {
        try {
          await measure(contender, options, modelLabel(file), kv, rows)
        } finally {
          await contender.close()
          globalThis.gc?.()
        }
      }
      await measureAndClose(await openOurs(common))
      if (missing) continue
      for (const setting of peerSettings(kv, options.peerDefaults)) await measureAndClose(await openPeer({ ...common, setting }))
    }
  }
  return markBestPeer(rows)
}

async function measure(contender: Contender, options: SuiteOptions, model: string, kv: string, rows: Row[]): Promise<void> {
  const { name, setting } = contender
  for (const depth of options.depths) {
    await reach(contender, depth)
    const add = (metric: Row['metric'], count: number, measured: { ms: number; runs: number }) => {
      const row: Row = {
        suite: 'engine',
        engine: name,
        model,
        metric,
        rows: count,
        depth,
        kv,
        ...measured,
        ...(setting ? { setting } : {}),
      }
      rows.push(row)
      options.log(`${name}${setting ? ` (${setting})` : ''} ${metric} depth ${depth} rows ${count}: ${row.ms.toFixed(1)} ms`)
    }
    await contender.decode() // warm-up
    add('decode', 1, await repeat(options.runs, 3, () => contender.decode()))
    for (const count of options.rows) add('verify', count, await repeat(options.runs, 3, () => contender.verify(count)))
    const tokens = randomTokens(chunk, 250, depth)
    const prefill = async () => {
      await contender.truncate(depth)
      return contender.append(tokens)
    }
    add('prefill', chunk, await repeat(options.runs, 1, prefill))
  }
}

/** One line a measurement: ours, the peer's better setting, its defaults, and how many times faster we are than the better one. */
function table(rows: readonly Row[]): string[][] {
  const key = (r: Row) => [r.model, r.kv, r.metric, r.depth, r.rows].join('\n')
  const lines = [
    ['model', 'KV', 'metric', 'depth', 'rows', 'ragdraft ms', 'tokens/s', 'peer ms', 'its setting', 'peer / ours', 'peer defaults ms'],
  ]
  for (const ours of rows.filter((r) => r.engine === 'ragdraft')) {
    const same = rows.filter((r) => r.engine === 'node-llama-cpp' && key(r) === key(ours))
    const peer = same.find((r) => r.best)
    const defaults = same.find((r) => r.setting === 'defaults')
    lines.push([
      ours.model,
      ours.kv,
      ours.metric,
      String(ours.depth),
      String(ours.rows),
      ours.ms.toFixed(1),
      ((ours.rows * 1000) / ours.ms).toFixed(1),
      peer ? peer.ms.toFixed(1) : '-',
      peer?.setting ?? '-',
      peer ? (peer.ms / ours.ms).toFixed(2) : '-',
      defaults ? defaults.ms.toFixed(1) : '-',
    ])
  }
  return lines
}
