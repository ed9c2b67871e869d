import * as path from 'node:path'
import { boolean, field, integer, text } from './fields'
import { onProgress, signal } from './progress'
import { type InferOptions, type InferSettings, option, readOptions } from './schema'

/** `cuda` is the NVIDIA GPU with the most free memory, `cuda:0`, `cuda:1`, ... a certain one. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

const device = field<Device>(
  '"auto", "cpu", "cuda" or "cuda:N"',
  (value) => (typeof value === 'string' && /^(auto|cpu|cuda|cuda:\d{1,3})$/.test(value) ? (value as Device) : undefined),
  { placeholder: 'DEVICE' },
)

const cacheFolder = field<boolean | string>('true, false or the path of a folder', (value) => {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' && value !== '' && !value.includes('\0') ? path.resolve(value) : undefined
})

export const loadOptions = {
  /**
   * Where to compute. `auto` takes a GPU if one works and the model fits into its free memory with 8,192 tokens of context (or the
   * trained context, if that is less), else the CPU; `model.info.deviceReason` says why. `cuda` fails instead. A GPU is tried once in
   * a child process before it is used; with `RAGDRAFT_CUDA=0` in the environment no GPU is tried. Default "auto".
   */
  device: option({
    field: device,
    default: 'auto',
    help: 'Where to compute. With auto, a GPU that the model fits into, else the CPU.',
  }),
  /** Worker threads, 1 to 256. Default: as many as this process may use. */
  threads: option({ field: integer(1, 256), default: 0, help: 'Worker threads.', defaultHelp: 'as many as this process may use' }),
  /** Forces an instruction set of the CPU kernels, for tests. @internal */
  isa: option({ field: text(1), default: '' }),
  /**
   * Keep a 4-bit copy (Q4_0) of each F16, BF16 and F32 matrix for drafts. The model then drafts for itself from 28 % of the bytes of
   * 16-bit weights, and needs that much more memory (`model.info.draftCopyBytes`). No `lossless` answer changes. Refused with
   * ERR_INVALID_ARGUMENT where it would spare drafts less than a tenth of the bytes: 8-bit models need no copy, smaller ones gain
   * nothing. Default false.
   */
  draftCopy: option({
    field: boolean,
    default: false,
    help: 'Keep a 4-bit copy of 16-bit weights to draft with. It is faster and takes 28 % more memory.',
  }),
  /**
   * Keep the weights, packed for this machine, on disk for the next load: `true` in the user's cache folder (on Linux
   * ~/.cache/ragdraft/weights; `ragdraft cache` lists and clears it), a string in the folder of this path. The first load takes longer
   * and writes a file as large as the model; later loads check and map it instead of packing, and processes share its memory. What
   * happened is in `model.info.weightsCache`; no problem with the cache makes a load fail. At most 32 GiB are kept of all models
   * together, the least recently used are deleted first. Use only folders that nobody else can write to. Default false, because
   * gigabytes should not appear on a disk without being asked for.
   */
  weightsCache: option({
    field: cacheFolder,
    default: false,
    help: 'Keep the packed weights on disk, as large as the model, for a quick next start. See "ragdraft cache".',
    flag: 'cache-weights',
  }),
  /** Called with the progress of phase `load`. */
  onProgress,
  /** Cancels the loading; the promise rejects with `signal.reason`. */
  signal,
}

/** Options of {@link loadModel}. */
export interface LoadModelOptions extends InferOptions<typeof loadOptions> {}

/** `threads` 0: as many as this process may use; `isa` '': the best one. */
export type LoadSettings = InferSettings<typeof loadOptions>

export const readLoadOptions = (given: unknown): LoadSettings => readOptions('loadModel()', given, loadOptions)
