/**
 * Which GPUs there are. A driver that is broken may crash a process or never return: it is first started in a child process, whose end
 * is then the reason why there is no GPU.
 */
import { type ExecFileException, execFile } from 'node:child_process'
import * as fs from 'node:fs'
import type { Device } from '../options'
import type { Binding, CudaDevice, CudaReport } from './binding'
import { addonPath } from './load'

/** A cold start of several GPUs takes some seconds; a driver that needs longer than this would not be used gladly. */
const limitSeconds = 30
/** Set in the child, so that it never has children of its own: an application that ignores ELECTRON_RUN_AS_NODE is started instead. */
const childMark = 'RAGDRAFT_CUDA_PROBE'
const program = 'process.stdout.write("\\n" + JSON.stringify(require(process.argv[1]).probeCuda(Number(process.argv[2]))))'

function forbidden(): string | undefined {
  if (process.env.RAGDRAFT_CUDA === '0') return 'disabled by RAGDRAFT_CUDA=0'
  return process.env[childMark] ? 'this process only looks for GPUs' : undefined
}

/** What a look at files tells, so that machines without a GPU start no process. */
function missing(cudaModule: string): string | undefined {
  if (cudaModule === '') return `there is no CUDA on ${process.platform}`
  if (!fs.existsSync(cudaModule)) return `this build has no CUDA module (${cudaModule})`
  const nodes = ['/dev/nvidiactl', '/dev/dxg', '/dev/nvmap'] // of the driver, of WSL, of Jetson
  const driver = process.platform !== 'linux' || nodes.some((node) => fs.existsSync(node)) || process.env.RAGDRAFT_CUDA_FORCE_LOAD
  return driver ? undefined : 'no NVIDIA driver (no /dev/nvidiactl)'
}

/** Why a child ended without a report, or never began. */
function causeOfDeath(error: ExecFileException, stderr: string): string {
  if (typeof error.code === 'string') return `no process can be started to try the GPU driver: ${error.message}`
  if (error.killed) return `the GPU driver did not answer within ${limitSeconds} s`
  if (error.signal) return `the GPU driver crashed the process that tried it (${error.signal})`
  const line = stderr.trim().split('\n').at(-1)
  return `the process that tried the GPU driver failed${line ? `: ${line}` : ''}`
}

function probe(): Promise<CudaReport> {
  return new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ['-e', program, addonPath(), String(limitSeconds)],
      {
        env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '', [childMark]: '1' },
        timeout: (limitSeconds + 1) * 1000,
        killSignal: 'SIGKILL',
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        if (error) reject(new Error(causeOfDeath(error, stderr)))
        else resolve(stdout.slice(stdout.lastIndexOf('\n'))) // drivers may write to stdout too
      },
    )
  })
    .then((line) => JSON.parse(line) as CudaReport)
    .catch((error: Error) => ({ devices: [], reason: error.message }))
}

let probing: Promise<CudaReport> | undefined

/** Probes at the first call in the process; later ones, in any of its Workers, get the same report. Never rejects. */
export async function cudaReport(binding: Binding): Promise<CudaReport> {
  const shared = binding.shareCudaReport()
  const reason = forbidden() ?? (shared === '' ? missing(binding.cudaModule) : undefined)
  if (reason !== undefined) return { devices: [], reason }
  if (shared !== '') return JSON.parse(shared)
  probing ??= probe()
  const report = await probing
  binding.shareCudaReport(JSON.stringify(report))
  return report
}

/** The index of a GPU, or why there is none. */
export type GpuChoice = { readonly index: number; readonly reason: undefined } | { readonly index: undefined; readonly reason: string }

const none = (reason: string): GpuChoice => ({ index: undefined, reason })
const nameOf = ({ index, name }: CudaDevice) => `cuda:${index}${name === '' ? '' : ` (${name})`}`

function choose({ devices, reason }: CudaReport, wanted: Device): GpuChoice {
  if (devices.length === 0) return none(reason)
  const number = /^cuda:(\d+)$/.exec(wanted)?.[1]
  const candidates = number === undefined ? devices : devices.filter(({ index }) => index === Number(number))
  if (candidates.length === 0) return none(`there is no GPU ${number}; there are ${devices.map(nameOf).join(', ')}`)
  const [best] = candidates.filter(({ problem }) => problem === '').sort((a, b) => b.freeBytes - a.freeBytes)
  if (best === undefined) return none(candidates.map((device) => `${nameOf(device)}: ${device.problem}`).join('; '))
  return { index: best.index, reason: undefined }
}

/** The GPU for `device: wanted`, which is not "cpu". Rejects with `signal.reason` if the signal aborts first. */
export async function chooseGpu(binding: Binding, wanted: Device, signal: AbortSignal | undefined): Promise<GpuChoice> {
  const report = cudaReport(binding)
  if (signal === undefined) return choose(await report, wanted)
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return choose(await Promise.race([report, aborted]), wanted)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
