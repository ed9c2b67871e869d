/** The GPUs of this machine, for programs and for the command line. */

import { native } from '../runtime/addon/load'
import type { Binding } from '../runtime/binding'
import { cudaReport } from '../runtime/gpu/cuda'

/** A GPU of this machine, as it was when it was tried. */
export interface Gpu {
  /** What `loadModel({ device })` takes. */
  readonly device: `cuda:${number}`
  /** Name that the driver gives, such as "NVIDIA H200"; empty if it gives none. */
  readonly name: string
  /** Compute capability, such as "9.0". */
  readonly capability: string
  /** Memory of the GPU in bytes. */
  readonly totalBytes: number
  /** Memory in bytes that was free when the GPU was tried. */
  readonly freeBytes: number
  /** Why it cannot be used; undefined if a kernel ran on it. */
  readonly problem: string | undefined
}

/** What {@link listGpus} found. */
export interface GpuList {
  /** In the driver's order, those that cannot be used included. */
  readonly gpus: readonly Gpu[]
  /** Why there is no GPU; undefined if there is one. */
  readonly reason: string | undefined
}

/** {@link listGpus} over a given binding. @internal */
export async function listGpusWith(binding: Binding): Promise<GpuList> {
  const { devices, reason } = await cudaReport(binding)
  const gpus = devices.map(({ index, problem, ...rest }) => ({ device: `cuda:${index}` as const, ...rest, problem: problem || undefined }))
  return { gpus, reason: reason || undefined }
}

/**
 * Lists the GPUs of this machine. They are tried in a child process, once in the life of this one.
 *
 * @throws ERR_NATIVE_LOAD if the native part cannot be loaded.
 *
 * @example
 * const { gpus, reason } = await listGpus()
 * console.log(gpus.length > 0 ? gpus.map(({ device, name }) => `${device} ${name}`).join('\n') : reason)
 */
export async function listGpus(): Promise<GpuList> {
  return listGpusWith(native())
}
