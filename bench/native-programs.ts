/**
 * The native programs of the benchmarks: built on demand into build/bench, or the CMake build that RAGDRAFT_BENCH_BUILD names; run, their
 * JSON read.
 */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'

const root = path.resolve(__dirname, '..')
const buildFolder = () => path.resolve(root, process.env.RAGDRAFT_BENCH_BUILD ?? path.join('build', 'bench'))

/** GOP/s of one thread and of all; a multiply-add is two operations. */
export interface Rate {
  readonly one: number
  readonly all: number
  /** What the loop was made of. */
  readonly instruction: string
}

/** What the machine reached at most. */
export interface Peaks {
  readonly threads: number
  /** Reads of DRAM, GB/s (10^9 bytes). */
  readonly readGbps: { readonly one: number; readonly all: number }
  readonly f32Gops: Rate | null
  /** null: this CPU, or our probe of it, has no such dot product. */
  readonly bf16Gops: Rate | null
  readonly int8Gops: Rate | null
}

/** One measurement of ragdraft_kernels. */
export interface KernelTime {
  readonly backend: string
  readonly kind: 'linear' | 'attention'
  readonly shape: string
  readonly type: string
  readonly rows: number
  readonly depth: number
  readonly seconds: number
  readonly bytes: number
  readonly operations: number
}

export async function measurePeaks(threads: number, log: (line: string) => void): Promise<Peaks> {
  const program = await built('ragdraft_peaks', log)
  log('measuring the peaks of this machine')
  let peaks: Peaks | undefined
  await run(program, [String(threads)], (line) => {
    peaks = JSON.parse(line) as Peaks
  })
  if (!peaks) throw new Error('ragdraft_peaks printed nothing')
  return peaks
}

/**
 * Reads of DRAM by all threads at this moment, GB/s; about a second. Where memory is shared with other machines its rate changes within
 * minutes, so a pass is held against what was to be had beside it.
 */
export async function measureReads(threads: number, log: (line: string) => void): Promise<number> {
  const program = await built('ragdraft_peaks', log)
  let reads: Pick<Peaks, 'readGbps'> | undefined
  await run(program, [String(threads), '1024', '4', 'reads'], (line) => {
    reads = JSON.parse(line) as Pick<Peaks, 'readGbps'>
  })
  if (!reads) throw new Error('ragdraft_peaks printed nothing')
  return reads.readGbps.all
}

/** @param options name=value arguments of ragdraft_kernels; see bench/native/kernels.cc */
export async function timeKernels(options: Readonly<Record<string, string | number>>, log: (line: string) => void): Promise<KernelTime[]> {
  const program = await built('ragdraft_kernels', log)
  const times: KernelTime[] = []
  const args = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  await run(program, args, (line) => {
    const time = JSON.parse(line) as KernelTime
    log(`${time.kind} ${time.type} rows ${time.rows}: ${(time.seconds * 1000).toFixed(3)} ms`)
    times.push(time)
  })
  return times
}

/** Answers of one setting, timed by ragdraft_answers. */
export interface AnswerTime {
  /** Of drafts; -1: auto, 0: plain decoding. */
  readonly length: number
  /** Simulated. */
  readonly acceptance: number
  readonly tokens: number
  readonly rounds: number
  readonly drafted: number
  readonly accepted: number
  /** Of a token, answer by answer. */
  readonly ms: readonly number[]
  /** Of plain decoding: reads of DRAM between its steps, and what a step's weights, keys and values would take at that rate. */
  readonly readGbps?: number
  readonly limitMs?: number
}

/** @param options name=value arguments of ragdraft_answers; see bench/native/answers.cc */
export async function timeAnswers(options: Readonly<Record<string, string | number>>, log: (line: string) => void): Promise<AnswerTime[]> {
  const program = await built('ragdraft_answers', log)
  const times: AnswerTime[] = []
  const args = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  await run(program, args, (line) => times.push(JSON.parse(line) as AnswerTime))
  return times
}

const programs = new Map<string, Promise<string>>()

/** The path of a program, built once a run. */
function built(target: string, log: (line: string) => void): Promise<string> {
  const known = programs.get(target)
  if (known) return known
  const program = compile(target, log)
  programs.set(target, program)
  return program
}

async function compile(target: string, log: (line: string) => void): Promise<string> {
  log(`building ${target}`)
  const build = buildFolder()
  if (!fs.existsSync(path.join(build, 'CMakeCache.txt')))
    await run('cmake', ['-S', root, '-B', build, '-DRAGDRAFT_CUDA=OFF', '-DRAGDRAFT_ISAS=ALL', '-DCMAKE_BUILD_TYPE=Release'])
  const parallel = String(os.availableParallelism())
  await run('cmake', ['--build', build, '--config', 'Release', '--target', target, '--parallel', parallel])
  return path.join(build, process.platform === 'win32' ? `${target}.exe` : target)
}

/** Runs a program to its end; its whole output is part of the error if it fails. */
function run(command: string, args: readonly string[], onLine: (line: string) => void = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let partial = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const lines = (partial + text).split('\n')
      partial = lines.pop()!
      lines.forEach(onLine)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}:\n${output}`))
    })
  })
}
