/** Which GPUs there are, and which one a model is loaded on. */
import * as fs from 'node:fs'
import { onAbort } from '../../base/abort'
import type { Device } from '../../options/load'
import type { Binding, CudaDevice, CudaReport } from '../binding'
import { cudaFiles } from './cuda-files'
import { probeGpus } from './cuda-probe'

/** What a look at files tells, so that machines without a GPU start no process. */
function noDriver(): string | undefined {
  const nodes = ['/dev/nvidiactl', '/dev/dxg', '/dev/nvmap'] // of the driver, of WSL, of Jetson
  const driver = process.platform !== 'linux' || nodes.some((node) => fs.existsSync(node)) || process.env.RAGDRAFT_CUDA_FORCE_LOAD
  return driver ? undefined : 'no NVIDIA driver (no /dev/nvidiactl)'
}

async function probe(): Promise<CudaReport> {
  const files = noDriver() ?? cudaFiles() // without a driver nobody needs a module
  return typeof files === 'string' ? { devices: [], reason: files } : probeGpus(files)
}

let probing: Promise<CudaReport> | undefined

/**
 * Probes at the first call in the process; later ones, in any of its Workers, get the same report.
 * @throws ERR_NATIVE_LOAD
 */
export async function cudaReport(binding: Binding): Promise<CudaReport> {
  if (process.env.RAGDRAFT_CUDA === '0') return { devices: [], reason: 'disabled by RAGDRAFT_CUDA=0' }
  const shared = binding.shareCudaReport()
  if (shared !== '') return JSON.parse(shared)
  probing ??= probe()
  const report = await probing
  binding.shareCudaReport(JSON.stringify(report))
  return report
}

/** A GPU, and the module that computes on it. */
export interface GpuPlace {
  readonly index: number
  readonly module: string
}

/** A GPU, or why there is none. */
export type GpuChoice = { readonly gpu: GpuPlace; readonly reason: undefined } | { readonly gpu: undefined; readonly reason: string }

const none = (reason: string): GpuChoice => ({ gpu: undefined, reason })
const nameOf = ({ index, name }: CudaDevice) => `cuda:${index}${name === '' ? '' : ` (${name})`}`

function choose({ devices, reason, module = '' }: CudaReport, wanted: Device): GpuChoice {
  if (devices.length === 0) return none(reason)
  const number = /^cuda:(\d+)$/.exec(wanted)?.[1]
  const candidates = number === undefined ? devices : devices.filter(({ index }) => index === Number(number))
  if (candidates.length === 0) return none(`there is no GPU ${number}; there are ${devices.map(nameOf).join(', ')}`)
  const [best] = candidates.filter(({ problem }) => problem === '').sort((a, b) => b.freeBytes - a.freeBytes)
  if (best === undefined) return none(candidates.map((device) => `${nameOf(device)}: ${device.problem}`).join('; '))
  return { gpu: { index: best.index, module }, reason: undefined }
}

/** The GPU for `device: wanted`, which is not "cpu". Rejects with `signal.reason` if the signal aborts first. */
export async function chooseGpu(binding: Binding, wanted: Device, signal: AbortSignal | undefined): Promise<GpuChoice> {
  signal?.throwIfAborted()
  const report = cudaReport(binding)
  if (signal === undefined) return choose(await report, wanted)
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, () => reject(signal.reason))
  })
  try {
    return choose(await Promise.race([report, aborted]), wanted)
  } finally {
    stop()
  }
}
