/** What every suite reports: rows of one shape, as JSON and as a table. */
import { execFileSync } from 'node:child_process'
import * as os from 'node:os'

export interface Row {
  readonly suite: string
  readonly engine: 'ragdraft' | 'node-llama-cpp'
  readonly model: string
  readonly metric: 'prefill' | 'decode' | 'verify'
  /** Rows of the measured pass: tokens of a prefill chunk, 1 for a decode, drafts + 1 for a verify. */
  readonly rows: number
  /** Tokens in the context before the pass. */
  readonly depth: number
  readonly kv: string
  /** Median time of one pass. */
  readonly ms: number
  readonly runs: number
}

export interface Report {
  readonly machine: { cpu: string; cores: number; memoryGiB: number; platform: string; node: string }
  readonly commit: string
  readonly rows: readonly Row[]
}

export function report(rows: readonly Row[]): Report {
  const cpus = os.cpus()
  let commit = 'unknown'
  try {
    commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {} // not a git checkout: an installed package
  return {
    machine: {
      cpu: cpus[0]?.model ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      platform: `${process.platform}-${process.arch}`,
      node: process.version,
    },
    commit,
    rows,
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** One line a measurement, the engines side by side, with the peer's time over ours. */
export function table(rows: readonly Row[]): string {
  const key = (r: Row) => [r.metric, r.depth, r.rows].join(' ')
  const lines = [['metric', 'depth', 'rows', 'ragdraft ms', 'tokens/s', 'peer ms', 'peer / ours']]
  for (const ours of rows.filter((r) => r.engine === 'ragdraft')) {
    const peer = rows.find((r) => r.engine === 'node-llama-cpp' && key(r) === key(ours))
    lines.push([
      ours.metric,
      String(ours.depth),
      String(ours.rows),
      ours.ms.toFixed(1),
      ((ours.rows * 1000) / ours.ms).toFixed(1),
      peer ? peer.ms.toFixed(1) : '-',
      peer ? (peer.ms / ours.ms).toFixed(2) : '-',
    ])
  }
  const widths = lines[0]!.map((_, c) => Math.max(...lines.map((l) => l[c]!.length)))
  return lines.map((l) => l.map((cell, c) => cell.padStart(widths[c]!)).join('  ')).join('\n')
}
