import { boolean, integer, oneOf, text } from './fields'
import { onProgress, signal } from './progress'
import { type InferSettings, option, type Schema } from './schema'

/**
 * Number type of keys and values in the cache. `f16` and `bf16` take 2 bytes each, `f32` takes 4. `q8` takes 1 byte each and one scale
 * per token and KV head: about half the memory of `f16` and half its time to read a long context, at a small loss of precision.
 */
export type KvType = 'f16' | 'bf16' | 'f32' | 'q8'
export const kvTypes = ['f16', 'bf16', 'f32', 'q8'] as const satisfies readonly KvType[]

/**
 * How a model that drafts for itself reads its weights. `q4` takes the upper 4 bits of its 8-bit (Q8_0) matrices, which is about the
 * quality of Q4_0 for half the bytes and no memory of its own, and the 4-bit copies that `draftCopy` of {@link loadModel} made of
 * others. `full` takes all bits. `auto` is `q4` where that saves at least a tenth of the bytes, as for a Q8_0 model, else `full`.
 */
export type DraftWeights = 'auto' | 'full' | 'q4'
export const draftWeightsField = oneOf<DraftWeights>(['auto', 'full', 'q4'])

/** The context of a model that is not known yet: the native side counts tokens in int32. */
const anyContext = 2 ** 31 - 1
const contextField = (trained: number) => integer(Math.min(64, trained), trained)

/** Without `drafter` and `retriever`, which are objects of a program: lib/api/model.ts adds them. */
export const openOptions = {
  /** How questions about this document draft without a `drafter`, unless they say otherwise. Default "auto". */
  draftWeights: option({
    field: draftWeightsField,
    default: 'auto',
    help: 'What a model that drafts for itself reads of its weights. With auto, q4 in lossless mode for 8-bit models and with --draft-copy.',
  }),
  /**
   * Tokens that the document, the question and the answer may have together, 64 up to the model's trained context. Default: what the
   * document needs and 2,048 more, within the trained context. With `retrievalOnly`: tokens that the chunks, the question and the
   * answer may have together; at most, and by default, the trained context of the model that drafts.
   */
  contextTokens: option({
    field: contextField(anyContext),
    default: undefined,
    help: 'Tokens that document, question and answer may have together.',
    flag: 'context',
    defaultHelp: 'what the document needs and 2,048 more',
  }),
  /**
   * Number type of the KV caches. `auto` takes `f16` or `bf16`, whichever is faster on this machine: `bf16` where the processor has
   * instructions for its products (AMX, AVX-512 BF16 of AMD), else `f16`, which is 3 bits more precise. `doc.kv` has the type that was
   * taken. Default "auto".
   */
  kv: option({ field: oneOf(['auto', ...kvTypes]), default: 'auto', help: 'Number type of the KV cache.' }),
  /** Most tokens of a chunk that retrieval finds, 16 to 8,192. Default 512. */
  chunkTokens: option({ field: integer(16, 8192), default: 512 }),
  /**
   * Leave the document out of the model's context. Only `rag` questions can then be asked (and are the default), but the document is
   * ready at once and may have any length. Default false.
   */
  retrievalOnly: option({ field: boolean, default: false }),
  /** System message. Default: none beyond the prompt's own instruction. */
  system: option({ field: text(), default: undefined }),
  /** Called with the progress of the phases `tokenize`, `index` and `prefill-target`. */
  onProgress,
  /** Cancels the reading; the promise rejects with `signal.reason`. */
  signal,
} satisfies Schema

export type OpenSettings = InferSettings<typeof openOptions>

/** The schema for a model of this trained context, in tokens. */
export const openOptionsWithin = (trainedContext: number): typeof openOptions => ({
  ...openOptions,
  contextTokens: { ...openOptions.contextTokens, field: contextField(trainedContext) },
})
