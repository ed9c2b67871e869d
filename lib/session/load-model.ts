import { text } from '../check'
import { RagdraftError } from '../errors'
import type { Binding, NativeModel } from '../native/binding'
import { native } from '../native/load'
import { type Device, type LoadModelOptions, readLoadOptions } from '../options'
import { chatTemplateOf } from '../prompt/template'
import { tokenizerFromGguf } from '../tokenizer/from-gguf'
import { describe, readContents } from './describe'
import { Model } from './model'
import { call } from './native-call'
import { Scope } from './scope'
import { vocabularyOf } from './vocabulary'

/** @throws ERR_DEVICE_UNAVAILABLE if CUDA is asked for: there is no CUDA backend in this build yet, whatever devices there are. */
function chooseDevice(binding: Binding, wanted: Device): { device: 'cpu'; reason: string | undefined } {
  if (wanted === 'cpu') return { device: 'cpu', reason: undefined }
  const cuda = binding.cuda()
  const reason = cuda.reason || 'this version computes on the CPU only'
  if (wanted === 'cuda')
    throw new RagdraftError('ERR_DEVICE_UNAVAILABLE', `device "cuda" is not available: ${reason}`, { details: { reason } })
  return { device: 'cpu', reason: `cuda: ${reason}` }
}

/** {@link loadModel} over a given binding. @internal */
export async function loadModelWith(binding: Binding, path: string, options?: LoadModelOptions): Promise<Model> {
  text(1)(path, 'the path')
  const settings = readLoadOptions(options)
  const { device, reason } = chooseDevice(binding, settings.device)
  const { signal, onProgress } = settings
  // The head first: an unsupported tokenizer or a broken template shows before gigabytes are read.
  const contents = await readContents(binding, path, signal)
  const tokenizer = tokenizerFromGguf(contents.metadata)
  const template = chatTemplateOf(contents.metadata)
  const loaded = await call<NativeModel>({
    signal,
    start: (done, guard) =>
      binding.loadModel(
        path,
        { threads: settings.threads, isa: settings.isa, draftCopy: settings.draftCopy, weightsCache: settings.weightsCache },
        guard((processed, total) => onProgress?.({ phase: 'load', processed, total })),
        done,
      ),
    onCancelled: (late) => late.close(),
  })
  const vocabulary = vocabularyOf(contents).slice(0, loaded.info.vocab)
  const scope = new Scope('model', () => loaded.close())
  const { layers, embedding, heads, kvHeads, headDim, feedForward, vocab, contextLength } = loaded.info
  const { weightBytes, draftWeightBytes, draftCopyBytes, backend, threads, kv, weightsCache } = loaded.info
  const shape = { layers, embedding, heads, kvHeads, headDim, feedForward, vocab, contextLength }
  return new Model(
    { binding, native: loaded, tokenizer, template, vocabulary, scope },
    Object.freeze({
      ...describe(path, contents),
      ...shape,
      weightBytes,
      draftWeightBytes,
      draftCopyBytes,
      device,
      deviceReason: reason,
      backend,
      threads,
      kv,
      weightsCache: { state: weightsCache.state, path: weightsCache.path || undefined, reason: weightsCache.reason || undefined },
    }),
  )
}

/**
 * Loads a GGUF model of the Llama or Qwen2 family and packs its weights for this machine.
 * @param path of the file; any part of a split model, the others lying beside it
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_INVALID_MODEL, ERR_UNSUPPORTED_MODEL, ERR_UNSUPPORTED_TOKENIZER, ERR_CHAT_TEMPLATE,
 * ERR_OUT_OF_MEMORY, ERR_DEVICE_UNAVAILABLE, ERR_INVALID_ARGUMENT, ERR_NATIVE_LOAD; `signal.reason` on abort
 */
export async function loadModel(path: string, options?: LoadModelOptions): Promise<Model> {
  return loadModelWith(native(), path, options)
}
