import { RagdraftError } from '../base/errors'
import { whileListening } from '../base/listening'
import { text } from '../options/fields'
import { type Device, type LoadModelOptions, type LoadSettings, readLoadOptions } from '../options/load'
import { chatTemplateOf } from '../prompt/template'
import { native } from '../runtime/addon/load'
import type { Binding, NativeModel } from '../runtime/binding'
import { call } from '../runtime/call'
import { chooseGpu, type GpuChoice, type GpuPlace } from '../runtime/gpu/cuda'
import { Scope } from '../runtime/scope'
import { weightsCacheFolder } from '../runtime/weights-cache'
import { tokenizerFromGguf } from '../tokenizer/from-gguf'
import { vocabularyOf } from '../tokenizer/same-vocabulary'
import { describe, readContents } from './inspect-model'
import { Model } from './model'

/** The device does not take this model, though the file may be all right: what `auto` answers with the CPU. */
const refusals: readonly unknown[] = ['ERR_OUT_OF_MEMORY', 'ERR_UNSUPPORTED_MODEL', 'ERR_DEVICE_UNAVAILABLE', 'ERR_DEVICE_FAILED']

interface Loaded {
  readonly native: NativeModel
  readonly reason: string | undefined
}

/** Loads on the wanted device. `load(gpu)` loads on that GPU, or on the CPU. */
async function loadOn(
  wanted: Device,
  gpus: () => Promise<GpuChoice>,
  load: (gpu: GpuPlace | undefined) => Promise<NativeModel>,
): Promise<Loaded> {
  if (wanted === 'cpu') return { native: await load(undefined), reason: undefined }
  const { gpu, reason } = await gpus()
  if (wanted !== 'auto') {
    if (gpu !== undefined) return { native: await load(gpu), reason: undefined }
    throw new RagdraftError('ERR_DEVICE_UNAVAILABLE', `device "${wanted}" is not available: ${reason}`, { details: { reason } })
  }
  if (gpu === undefined) return { native: await load(undefined), reason: `cuda: ${reason}` }
  try {
    return { native: await load(gpu), reason: undefined }
  } catch (error) {
    if (!(error instanceof RagdraftError && refusals.includes(error.code))) throw error
    return { native: await load(undefined), reason: `cuda:${gpu.index}: ${error.message}` }
  }
}

/** {@link loadModel} over a given binding. @internal */
export async function loadModelWith(binding: Binding, path: string, options?: LoadModelOptions): Promise<Model> {
  text(1).read(path, 'the path')
  const settings = readLoadOptions(options)
  return whileListening(
    settings.onProgress,
    [settings.signal],
    (signal, onProgress) => loadUnder(binding, path, { ...settings, signal, onProgress }),
    (model) => model.close(),
  )
}

/** The folder of the packed weights; '' without one. */
const cacheFolderOf = ({ weightsCache }: LoadSettings) =>
  typeof weightsCache === 'string' ? weightsCache : weightsCache ? weightsCacheFolder() : ''

async function loadUnder(binding: Binding, path: string, settings: LoadSettings): Promise<Model> {
  const { signal, onProgress } = settings
  const cacheFolder = cacheFolderOf(settings)
  // The head first: an unsupported tokenizer or a broken template shows before gigabytes are read.
  const contents = await readContents(binding, path, signal)
  const tokenizer = tokenizerFromGguf(contents.metadata)
  const template = chatTemplateOf(contents.metadata)
  const { threads: wantedThreads, isa, draftCopy } = settings
  const load = (gpu: GpuPlace | undefined) =>
    call<NativeModel>({
      signal,
      start: (done, guard) =>
        binding.loadModel(
          path,
          { threads: wantedThreads, isa, draftCopy, weightsCache: cacheFolder, gpu },
          guard((processed, total) => onProgress?.({ phase: 'load', processed, total })),
          done,
        ),
      onCancelled: (late) => late.close(),
    })
  const { native: loaded, reason } = await loadOn(settings.device, () => chooseGpu(binding, settings.device, signal), load)
  const vocabulary = vocabularyOf(contents).slice(0, loaded.info.vocab)
  const scope = new Scope('model', () => loaded.close())
  const { layers, embedding, heads, kvHeads, headDim, feedForward, vocab, contextLength } = loaded.info
  const { weightBytes, draftWeightBytes, draftCopyBytes, backend, threads, kv, weightsCache, gpu } = loaded.info
  const shape = { layers, embedding, heads, kvHeads, headDim, feedForward, vocab, contextLength }
  return new Model(
    { binding, native: loaded, tokenizer, template, vocabulary, scope },
    Object.freeze({
      ...describe(path, contents),
      ...shape,
      weightBytes,
      draftWeightBytes,
      draftCopyBytes,
      device: gpu ? (`cuda:${gpu.index}` as const) : 'cpu',
      deviceName: gpu?.name,
      deviceMemoryBytes: gpu?.totalBytes,
      deviceReason: reason,
      backend,
      threads,
      kv,
      weightsCache: { state: weightsCache.state, path: weightsCache.path || undefined, reason: weightsCache.reason || undefined },
    }),
  )
}

/**
 * Loads a GGUF model of the Llama or Qwen2 family and packs its weights for the CPU or GPU that computes.
 *
 * @param path Path of the file, or of any part of a split model whose other parts are in the same folder.
 * @param options Where and how to compute; see {@link LoadModelOptions}.
 * @returns The model in memory, which the caller closes.
 * @throws ERR_FILE_NOT_FOUND or ERR_FILE_READ if the file cannot be read.
 * @throws ERR_INVALID_MODEL, ERR_UNSUPPORTED_MODEL, ERR_UNSUPPORTED_TOKENIZER or ERR_CHAT_TEMPLATE if the file cannot be used.
 * @throws ERR_OUT_OF_MEMORY, ERR_DEVICE_UNAVAILABLE or ERR_DEVICE_FAILED if the device cannot take it; `device: 'auto'` tries the CPU first.
 * @throws ERR_INVALID_ARGUMENT for a wrong option, ERR_NATIVE_LOAD if the native part cannot be loaded, `signal.reason` on abort.
 *
 * @example
 * await using model = await loadModel('qwen2.5-7b-instruct-q8_0.gguf', {
 *   device: 'auto',
 *   onProgress: ({ processed, total }) => console.error(`${Math.round((100 * processed) / total)} %`),
 * })
 * console.log(model.info.backend, model.info.deviceReason ?? '')
 */
export async function loadModel(path: string, options?: LoadModelOptions): Promise<Model> {
  return loadModelWith(native(), path, options)
}
