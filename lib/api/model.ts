import { whileListening } from '../base/listening'
import type { DocumentInput } from '../document/source'
import { field } from '../options/fields'
import { type openOptions, openOptionsWithin } from '../options/open'
import type { OnProgress } from '../options/progress'
import { type InferOptions, option, readOptions } from '../options/schema'
import { assertDraftWeights } from '../pipeline/drafter'
import type { LoadedModel } from '../pipeline/loaded-model'
import { readDocument } from '../pipeline/read'
import { LexicalRetriever } from '../retrieve/lexical'
import { retrieverField } from '../retrieve/retriever'
import type { WeightsCacheState } from '../runtime/binding'
import type { Tokenizer } from '../tokenizer/from-gguf'
import { assertSameVocabulary } from '../tokenizer/same-vocabulary'
import { DocumentSession } from './document-session'
import type { ModelDescription } from './inspect-model'

/** Description of a loaded model: what its file says, and how it runs here. */
export interface ModelInfo extends ModelDescription {
  /** Memory of the weights on the device that computes, in bytes, without `draftCopyBytes`. */
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
  /** What `kv: 'auto'` means here: the faster one of the two types of 2 bytes. */
  readonly kv: 'f16' | 'bf16'
  /** What happened with the option `weightsCache`. */
  readonly weightsCache: {
    /** Whether the weights came from the cache, or went to it. */
    readonly state: WeightsCacheState
    /** Path of the packed weights; undefined where there is no file. */
    readonly path: string | undefined
    /** Why a file that was there was not used, or why none was written; undefined where there is nothing to explain. */
    readonly reason: string | undefined
  }
}

let partsOfModel: (model: Model) => LoadedModel

const modelField = field<Model>('a model that loadModel() of this copy of ragdraft gave', (value) =>
  value instanceof Model ? value : undefined,
)

/** The options of `open()` that only a program can give: objects with a life of their own. */
const objectOptions = {
  /**
   * The draft model; it must have the vocabulary of this one (ERR_VOCABULARY_MISMATCH). Default: this model drafts for itself, from one
   * copy of the weights. In `lossless` with automatic draft lengths either of the two drafts, whichever is faster, and the draft model
   * reads its chunks only when that should pay.
   */
  drafter: option({ field: modelField, default: undefined }),
  /** Finds the chunks for a question; it serves this document alone. Default: lexical search. */
  retriever: option({ field: retrieverField, default: undefined }),
}

/** Options of {@link Model.open}. */
export interface OpenOptions extends InferOptions<typeof openOptions>, InferOptions<typeof objectOptions> {}

/**
 * A model in memory, made by {@link loadModel}. It owns the documents that are opened on it: closing it closes them.
 * Close it with `close()` or `await using` to give the memory back at a known moment.
 */
export class Model {
  readonly #parts: LoadedModel
  /** Description of the model and how it runs; readable after `close()` too. */
  readonly info: ModelInfo

  static {
    partsOfModel = (model) => model.#parts
  }

  /** @internal */
  constructor(parts: LoadedModel, info: ModelInfo) {
    this.#parts = parts
    this.info = info
  }

  /** Converts text to token ids and back; works after `close()` too. */
  get tokenizer(): Tokenizer {
    return this.#parts.tokenizer
  }

  /** Whether `close()` was called, even if it has not ended yet. */
  get closed(): boolean {
    return this.#parts.scope.closed
  }

  /**
   * Reads a document once: tokenizes it, indexes its chunks and brings it into the KV cache. Then any number of questions can be asked,
   * none of which reads it again.
   *
   * @param input The text itself, `{ text }`, or `{ path }` of a UTF-8 file.
   * @param options How to read; see {@link OpenOptions}.
   * @returns The document, which the caller or the model closes.
   * @throws ERR_CONTEXT_OVERFLOW (details `promptTokens`, `contextTokens`) if the document does not fit into the context.
   * @throws ERR_VOCABULARY_MISMATCH for a `drafter` with another vocabulary.
   * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_CHAT_TEMPLATE or ERR_CLOSED; what a
   *   `retriever` or `onProgress` throws; `signal.reason` on abort.
   *
   * @example
   * const doc = await model.open({ path: 'contract.txt' }, { kv: 'q8', system: 'Answer in one sentence.' })
   * console.log(`${doc.documentTokens} tokens read in ${doc.readMs} ms`)
   */
  async open(input: string | DocumentInput, options?: OpenOptions): Promise<DocumentSession> {
    const { scope, native, vocabulary } = this.#parts
    scope.assertOpen()
    const asked = readOptions('open()', options, { ...objectOptions, ...openOptionsWithin(native.info.contextLength) })
    const { drafter = this, retriever = new LexicalRetriever(), kv } = asked
    const settings = { ...asked, retriever, kv: kv === 'auto' ? native.info.kv : kv }
    const drafterParts = partsOfModel(drafter)
    drafterParts.scope.assertOpen()
    assertSameVocabulary(vocabulary, drafterParts.vocabulary)
    assertDraftWeights(this.#parts, drafterParts, settings.draftWeights)
    const read = async (signal: AbortSignal, onProgress: OnProgress | undefined) => {
      const drafterContext = drafterParts.native.info.contextLength
      const document = await readDocument(this.#parts, drafterContext, input, { ...settings, onProgress }, signal)
      return new DocumentSession(this.#parts, drafterParts, document, settings)
    }
    return scope.run([settings.signal], (signal) => whileListening(settings.onProgress, [signal], read, (doc) => doc.close()))
  }

  /**
   * Cancels what runs, closes the documents of this model and those that it drafts for, and frees the weights. Resolves when no native
   * memory is left; may be called again.
   */
  close(): Promise<void> {
    return this.#parts.scope.close()
  }

  /** Closes the model at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
