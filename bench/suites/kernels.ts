/** The CPU kernels on cold memory, as rates and as shares of what the machine was measured to reach. */
import { arithmeticPeak } from '../limits'
import { type KernelTime, type Peaks, timeKernels } from '../native-programs'
import type { Row } from '../report'
import type { Suite } from '../suite'

export const kernels: Suite = {
  name: 'kernels',
  summary: 'linear layers and attention: GB/s, GOP/s, per cent of the peaks',
  defaults: { depths: [16384], rows: [], kvs: ['f16', 'bf16'] },
  async run({ rows, kvs, depths, runs, threads, coldMiB, peaks, log }) {
    const chosen = rows.length > 0 ? { linear: rows.join(), attention: rows.join() } : { linear: '1,4,11,128', attention: '1,4,11,256' }
    const result: Row[] = []
    for (const [i, depth] of depths.entries()) {
      // Linear layers know no depth: once is enough.
      const types = i === 0 ? 'Q8_0,Q4_0,Q4_K,Q6_K,F16,BF16' : ''
      const times = await timeKernels({ ...chosen, types, kv: kvs.join(), depth, runs, threads, cold: coldMiB }, log)
      result.push(...times.map((time) => rowOf(time, runs, peaks)))
    }
    return result
  },
  table(rows) {
    const percent = (value: number | undefined) => (value === undefined ? '-' : `${value.toFixed(0)} %`)
    return [
      ['kernel', 'depth', 'rows', 'ms', 'GB/s', 'of peak', 'GOP/s', 'of peak', 'of the limit'],
      ...rows.map((r) => [
        r.model,
        r.depth ? String(r.depth) : '-',
        String(r.rows),
        r.ms.toFixed(3),
        r.gbps!.toFixed(1),
        percent(r.memoryPercent),
        r.gops!.toFixed(0),
        percent(r.computePercent),
        percent(r.limitPercent),
      ]),
    ]
  },
}

export function rowOf(time: KernelTime, runs: number, peaks: Peaks | null): Row {
  const gbps = time.bytes / time.seconds / 1e9
  const gops = time.operations / time.seconds / 1e9
  const memoryPercent = peaks ? (100 * gbps) / peaks.readGbps.all : undefined
  const peak = peaks ? arithmeticPeak(time.type, peaks) : undefined
  const computePercent = peak === undefined ? undefined : (100 * gops) / peak
  return {
    suite: 'kernels',
    engine: 'ragdraft',
    model: `${time.kind} ${time.type} (${time.shape})`,
    metric: time.rows === 1 ? 'decode' : time.rows <= 17 ? 'verify' : 'prefill',
    rows: time.rows,
    depth: time.depth,
    kv: time.kind === 'attention' ? time.type : '',
    ms: time.seconds * 1000,
    runs,
    setting: time.backend,
    gbps,
    gops,
    ...(memoryPercent === undefined ? {} : { memoryPercent }),
    ...(computePercent === undefined ? {} : { computePercent }),
    ...(memoryPercent === undefined || computePercent === undefined ? {} : { limitPercent: Math.max(memoryPercent, computePercent) }),
  }
}
