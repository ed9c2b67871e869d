import { whileListening } from '../base/listening'
import type { DocumentInput } from '../document/source'
import { invalid } from '../options/check'
import { type OnProgress, type OpenOptions, readOpenOptions } from '../options/options'
import { assertDraftWeights } from '../pipeline/drafter'
import type { ModelParts } from '../pipeline/model-parts'
import { readDocument } from '../pipeline/read'
import type { WeightsCacheState } from '../runtime/binding'
import type { Tokenizer } from '../tokenizer/from-gguf'
import { assertSameVocabulary } from '../tokenizer/same-vocabulary'
import { DocumentSession } from './document-session'
import type { ModelDescription } from './inspect-model'

/** What is in memory: the file's description and how it runs. */
export interface ModelInfo extends ModelDescription {
  /** Memory of the weights where they are computed with, in bytes, without `draftCopyBytes`. */
  readonly weightBytes: number
  /**
   * Bytes that a `q4` self-drafter reads for a token; equal to `weightBytes` for a model without 8-bit matrices and without a
   * draft copy.
   */
  readonly draftWeightBytes: number
  /** Memory that `loadModel({ draftCopy: true })` added, in bytes; else 0. */
  readonly draftCopyBytes: number
  /** Where the model computes. */
  readonly device: 'cpu' | `cuda:${number}`
  /** Name of the GPU; undefined on the CPU. */
  readonly deviceName: string | undefined
  /** Memory of the GPU in bytes, used or free; undefined on the CPU. */
  readonly deviceMemoryBytes: number | undefined
  /** Why `device: 'auto'` did not take a better one; undefined where there is nothing to explain. */
  readonly deviceReason: string | undefined
  /** Implementation of the kernels, as "cpu/avx512" or "cuda/sm_90". */
  readonly backend: string
  /** Worker threads, the engine's own included; 1 on a GPU. */
  readonly threads: number
  /** What `kv: 'auto'` is here: the faster one of the two types of 2 bytes. */
  readonly kv: 'f16' | 'bf16'
  /** What became of the option `weightsCache`. */
  readonly weightsCache: {
    readonly state: WeightsCacheState
    /** File of the packed weights; undefined where there is none. */
    readonly path: string | undefined
    /** Why a file that was there was not used, or why none was written; undefined where there is nothing to explain. */
    readonly reason: string | undefined
  }
}

let partsOfModel: (model: Model) => ModelParts

/**
 * A model in memory. Made by {@link loadModel}; owns the documents that are opened on it.
 * `close()` it (or `await using`) to give the memory back at a known moment.
 */
export class Model {
  readonly #parts: ModelParts
  /** Description and run-time facts; readable after close() too. */
  readonly info: ModelInfo

  static {
    partsOfModel = (model) => model.#parts
  }

  /** @internal */
  constructor(parts: ModelParts, info: ModelInfo) {
    this.#parts = parts
    this.info = info
  }

  /** Text <-> token ids; works after close() too. */
  get tokenizer(): Tokenizer {
    return this.#parts.tokenizer
  }

  /** close() was called, whether or not it has come to its end. */
  get closed(): boolean {
    return this.#parts.scope.closed
  }

  /**
   * Reads a document once: tokenizes it, indexes its chunks and brings it into the KV cache. Then any number of questions
   * can be asked, none of which reads it again.
   * @param input the text, or `{ text }`, or `{ path }` of a UTF-8 file
   * @throws ERR_CONTEXT_OVERFLOW (details `promptTokens`, `contextTokens`) if the document does not fit, ERR_VOCABULARY_MISMATCH
   * for a drafter with another vocabulary, ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY,
   * ERR_CHAT_TEMPLATE, ERR_CLOSED; `signal.reason` on abort
   */
  async open(input: string | DocumentInput, options?: OpenOptions): Promise<DocumentSession> {
    const { scope, native, vocabulary } = this.#parts
    scope.assertOpen()
    const asked = readOpenOptions(options, native.info.contextLength)
    const settings = { ...asked, kv: asked.kv === 'auto' ? native.info.kv : asked.kv }
    const drafter = settings.drafter === undefined ? this : settings.drafter
    if (!(drafter instanceof Model)) throw invalid('drafter', 'a model that loadModel() of this copy of ragdraft gave', drafter)
    const drafterParts = partsOfModel(drafter)
    drafterParts.scope.assertOpen()
    assertSameVocabulary(vocabulary, drafterParts.vocabulary)
    assertDraftWeights(this.#parts, drafterParts, settings.draftWeights)
    const read = async (signal: AbortSignal, onProgress: OnProgress | undefined) => {
      const drafterContext = drafterParts.native.info.contextLength
      const reading = await readDocument(this.#parts, drafterContext, input, { ...settings, onProgress }, signal)
      return new DocumentSession(this.#parts, drafterParts, reading, settings)
    }
    return scope.run([settings.signal], (signal) => whileListening(settings.onProgress, [signal], read, (doc) => doc.close()))
  }

  /**
   * Cancels what runs, closes the documents of this model and those that it drafts for, and drops the weights.
   * Idempotent; resolves when nothing native is left.
   */
  close(): Promise<void> {
    return this.#parts.scope.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
