/** The GPUs of this machine, for programs and for the command line. */

import { native } from '../runtime/addon/load'
import type { Binding } from '../runtime/binding'
import { cudaReport } from '../runtime/gpu/cuda'

export interface Gpu {
  /** What `loadModel({ device })` takes. */
  readonly device: `cuda:${number}`
  /** As the driver says, "NVIDIA H200"; empty if it does not. */
  readonly name: string
  /** Compute capability, "9.0". */
  readonly capability: string
  readonly totalBytes: number
  /** When the GPU was tried. */
  readonly freeBytes: number
  /** Why it cannot be used; undefined if a kernel ran on it. */
  readonly problem: string | undefined
}

export interface GpuList {
  readonly gpus: readonly Gpu[]
  /** Why there is none; undefined if there is one. */
  readonly reason: string | undefined
}

/** {@link listGpus} over a given binding. @internal */
export async function listGpusWith(binding: Binding): Promise<GpuList> {
  const { devices, reason } = await cudaReport(binding)
  const gpus = devices.map(({ index, problem, ...rest }) => ({ device: `cuda:${index}` as const, ...rest, problem: problem || undefined }))
  return { gpus, reason: reason || undefined }
}

/**
 * The GPUs that models can be loaded on. They are tried in a child process, once in the life of this one.
 * @throws ERR_NATIVE_LOAD
 */
export async function listGpus(): Promise<GpuList> {
  return listGpusWith(native())
}
