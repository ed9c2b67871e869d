/** What every suite reports: rows of one shape, with the machine, the commit and the machine's measured peaks. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import type { Peaks } from './native-programs'

/** What is measured. */
export interface Cell {
  readonly suite: string
  readonly engine: 'ragdraft' | 'node-llama-cpp'
  readonly model: string
  readonly metric: 'prefill' | 'decode' | 'verify' | 'answer' | 'load'
  /** Rows of the measured pass: tokens of a prefill chunk, 1 for a decode, drafts + 1 for a verify; 0 for a load. */
  readonly rows: number
  /** Tokens in the context before the pass. */
  readonly depth: number
  /** Number type of keys and values; empty where there are none. */
  readonly kv: string
  /** How the engine was set, where a suite tries several settings. */
  readonly setting?: string
  /** Suite simulated: the acceptance rate that was put in. */
  readonly simulatedAcceptance?: number
  readonly draftLength?: number
}

/** What came out. */
export interface Measured {
  /** Median time, ms: of one pass; for the metric "answer" of one token of the answer. */
  readonly ms: number
  readonly runs: number
  /** The fastest of the settings that are compared: the peer's with or without flash attention, ours of several draft lengths. */
  readonly best?: boolean
  /** Ours: how many times longer the peer's better setting takes. */
  readonly peerRatio?: number
  /** The least time that the machine's peaks allow, ms. */
  readonly limitMs?: number
  /**
   * Reads of DRAM, GB/s, which limitMs is of. Suite engine, ours, decode: just before and after, the faster of both. Suite simulated,
   * plain: between the steps.
   */
  readonly readGbps?: number
  /** Suite kernels: rates, and per cent of what the machine's peaks allow: memory, arithmetic, the tighter of both (engine: this alone). */
  readonly gbps?: number
  readonly gops?: number
  readonly memoryPercent?: number
  readonly computePercent?: number
  readonly limitPercent?: number
  /** Suites answers and simulated: tokens of the answer, drafted tokens and the share of them that was accepted. */
  readonly tokens?: number
  readonly drafted?: number
  readonly accepted?: number
  /** Suite answers: from the question to the first token, and to the end of the answer; reading the document. */
  readonly firstTokenMs?: number
  readonly answerMs?: number
  readonly readMs?: number
  /** Suite load, MiB: memory beyond that of the process before the load, at most and at the end; weights and KV as they lie in memory. */
  readonly peakMiB?: number
  readonly steadyMiB?: number
  readonly neededMiB?: number
}

export interface Row extends Cell, Measured {}

export interface Report {
  readonly machine: { cpu: string; cores: number; memoryGiB: number; platform: string; node: string }
  readonly commit: string
  readonly date: string
  /** What this machine reached just before the suite; null if it was asked not to measure it. */
  readonly peaks: Peaks | null
  readonly rows: readonly Row[]
}

export function machine(): Report['machine'] {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  }
}

export function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown' // not a git checkout: an installed package
  }
}

/** A report's file name in bench/results: suite, day and machine. */
export function reportName(suite: string, { machine, date }: Report): string {
  const name = `${machine.cpu.replace(/\((R|TM)\)/gi, '')} ${machine.cores} cores`
  return `${suite}-${date.slice(0, 10)}-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.json`
}

/** Writes a report with a line for each row, numbers to six digits. */
export function writeReport(file: string, { rows, ...head }: Report): void {
  const text = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === 'number' ? Number(v.toPrecision(6)) : v))
  const lines = rows
    .map(
      (row) => `
  ${text(row)}`,
    )
    .join(',')
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(
    file,
    `${text(head).slice(0, -1)},"rows":[${lines}
]}
`,
  )
}

/** One line: machine, commit and peaks. */
export function heading({ machine, commit, peaks }: Report): string {
  const parts = [machine.cpu, `${machine.cores} cores`, commit]
  if (peaks) {
    parts.push(`reads ${peaks.readGbps.all.toFixed(1)} GB/s`)
    for (const kind of ['f32', 'bf16', 'int8'] as const) {
      const peak = peaks[`${kind}Gops`]
      if (peak) parts.push(`${kind} ${peak.all.toFixed(0)} GOP/s`)
    }
  }
  return parts.join(', ')
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Columns of text, right-aligned; the first line is the header. */
export function alignedTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, c) => Math.max(...lines.map((line) => line[c]!.length)))
  return lines.map((line) => line.map((cell, c) => cell.padStart(widths[c]!)).join('  ')).join('\n')
}

/** The distinct values of `key`, in order of appearance. */
export function distinct<T, K>(items: readonly T[], key: (item: T) => K): K[] {
  return [...new Set(items.map(key))]
}
