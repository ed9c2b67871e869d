/** What a GGUF file says of its model: for `inspect` and for `model.info`. */

import { whileListening } from '../base/listening'
import { text } from '../options/fields'
import { signal } from '../options/progress'
import { type InferOptions, readOptions } from '../options/schema'
import { native } from '../runtime/addon/load'
import type { Binding, GgufContents, GgufValue } from '../runtime/binding'
import { call } from '../runtime/call'

/** The tensors of one number type. */
export interface Quantization {
  /** Name of the type, such as "Q4_K" or "F32". */
  readonly type: string
  /** Number of tensors. */
  readonly tensors: number
  /** Size of the tensors in bytes. */
  readonly bytes: number
}

/** A token with a role of its own. */
export interface SpecialToken {
  /** Id of the token. */
  readonly id: number
  /** Name of the token, such as "<|eot_id|>". */
  readonly text: string
}

/** How positions are turned into angles. */
export interface RopeDescription {
  /** Base of the rotation frequencies. */
  readonly theta: number
  /** Scaling of the frequencies for long contexts; undefined without. */
  readonly scaling: RopeScaling | undefined
}

/** How the rotation frequencies are scaled for long contexts. */
export interface RopeScaling {
  /** "linear", "yarn" or "llama3" (which is given as a tensor of factors). */
  readonly type: string
  /** How much longer the context becomes; undefined where the file does not say. */
  readonly factor: number | undefined
  /** Context in tokens before the scaling; undefined where the file does not say. */
  readonly originalContext: number | undefined
}

/** What a GGUF file says of its tokenizer. */
export interface TokenizerDescription {
  /** "gpt2" is byte-level BPE, "llama" is SentencePiece. */
  readonly model: string
  /** Name of the pre-tokenizer; undefined where the file does not say. */
  readonly pre: string | undefined
  /** Number of tokens. */
  readonly tokens: number
  /** Whether a prompt begins with BOS; undefined where the file does not say. */
  readonly addBos: boolean | undefined
  /** Special tokens by role: "bos", "eos", "eot", "unknown", "padding", ... */
  readonly special: Readonly<Record<string, SpecialToken>>
}

/** What a GGUF file says of its model. Counts are 0 and texts empty where it does not say. */
export interface ModelDescription {
  /** Path of the file, as it was given. */
  readonly path: string
  /** Size in bytes, all parts of a split file together. */
  readonly fileBytes: number
  /** Version of the GGUF format, 2 or 3. */
  readonly ggufVersion: number
  /** Name of the model; undefined where the file does not say. */
  readonly name: string | undefined
  /** "llama", "qwen2", ...; also one that `loadModel` refuses. */
  readonly architecture: string
  /** Number of weights in all tensors. */
  readonly parameters: number
  /** Number of transformer layers. */
  readonly layers: number
  /** Width of the residual stream. */
  readonly embedding: number
  /** Attention heads per layer. */
  readonly heads: number
  /** Heads of keys and values per layer; fewer than `heads` with grouped-query attention. */
  readonly kvHeads: number
  /** Dimensions of a head. */
  readonly headDim: number
  /** Width of the feed-forward part. */
  readonly feedForward: number
  /** Rows of the embedding table; may exceed `tokenizer.tokens` (padding). */
  readonly vocab: number
  /** Trained context in tokens. */
  readonly contextLength: number
  /** How positions are turned into angles. */
  readonly rope: RopeDescription
  /** Number types of the tensors, the one with the most bytes first. */
  readonly quantization: readonly Quantization[]
  /** The tokenizer. */
  readonly tokenizer: TokenizerDescription
  /** Chat template as Jinja source; undefined for a model without one. */
  readonly chatTemplate: string | undefined
}

const isNumber = (value: GgufValue | undefined): value is number => typeof value === 'number'

/** Counts are 0 and names '' where the file does not say: describing a file is not the place to refuse it. */
export function describe(path: string, { metadata, tensors, version, fileBytes }: GgufContents): ModelDescription {
  const stringAt = (key: string) => [metadata[key]].find((value) => typeof value === 'string')
  const architecture = stringAt('general.architecture') ?? ''
  const of = (key: string) => {
    const value = metadata[`${architecture}.${key}`]
    return isNumber(value) ? value : Array.isArray(value) ? value.find(isNumber) : undefined // some counts are given per layer
  }
  const tokens = metadata['tokenizer.ggml.tokens']
  const tokenCount = Array.isArray(tokens) ? tokens.length : 0
  const heads = of('attention.head_count') ?? 0
  const embedding = of('embedding_length') ?? 0

  const special: Record<string, SpecialToken> = {}
  for (const [key, value] of Object.entries(metadata)) {
    const role = /^tokenizer\.ggml\.(\w+?)_token_id$/.exec(key)?.[1]
    const token = Array.isArray(tokens) && isNumber(value) ? tokens[value] : undefined
    if (role !== undefined && isNumber(value) && typeof token === 'string') special[role] = { id: value, text: token }
  }

  const quantization = new Map<string, { type: string; tensors: number; bytes: number }>()
  for (const { type, bytes } of tensors) {
    const entry = quantization.get(type) ?? { type, tensors: 0, bytes: 0 }
    quantization.set(type, { type, tensors: entry.tensors + 1, bytes: entry.bytes + bytes })
  }
  const weights = tensors.filter(({ name }) => !name.startsWith('rope_'))
  const named = stringAt(`${architecture}.rope.scaling.type`)
  const scalingType = tensors.some(({ name }) => name.startsWith('rope_freqs')) ? 'llama3' : named === 'none' ? undefined : named
  const addBos = metadata['tokenizer.ggml.add_bos_token']

  return {
    path,
    fileBytes,
    ggufVersion: version,
    name: stringAt('general.name'),
    architecture,
    parameters: weights.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0),
    layers: of('block_count') ?? 0,
    embedding,
    heads,
    kvHeads: of('attention.head_count_kv') ?? heads,
    headDim: of('attention.key_length') ?? (heads > 0 ? embedding / heads : 0),
    feedForward: of('feed_forward_length') ?? 0,
    vocab: tensors.find(({ name }) => name === 'token_embd.weight')?.shape[1] ?? tokenCount,
    contextLength: of('context_length') ?? 0,
    rope: {
      theta: of('rope.freq_base') ?? 10_000,
      scaling:
        scalingType === undefined
          ? undefined
          : { type: scalingType, factor: of('rope.scaling.factor'), originalContext: of('rope.scaling.original_context_length') },
    },
    quantization: [...quantization.values()].sort((a, b) => b.bytes - a.bytes),
    tokenizer: {
      model: stringAt('tokenizer.ggml.model') ?? '',
      pre: stringAt('tokenizer.ggml.pre'),
      tokens: tokenCount,
      addBos: typeof addBos === 'boolean' ? addBos : undefined,
      special,
    },
    chatTemplate: stringAt('tokenizer.chat_template'),
  }
}

const inspectOptions = {
  /** Cancels the reading; the promise rejects with `signal.reason`. */
  signal,
}

/** Options of {@link inspectModel}. */
export interface InspectOptions extends InferOptions<typeof inspectOptions> {}

export function readContents(binding: Binding, path: string, signal: AbortSignal | undefined): Promise<GgufContents> {
  return call({ signal, start: (done) => binding.readGguf(path, done) })
}

/** @internal */
export async function inspectModelWith(binding: Binding, path: string, options?: InspectOptions): Promise<ModelDescription> {
  const { signal } = readOptions('inspectModel()', options, inspectOptions)
  text(1).read(path, 'the path')
  return describe(path, await whileListening(undefined, [signal], (linked) => readContents(binding, path, linked)))
}

/**
 * Describes a GGUF file without loading its weights, also one that {@link loadModel} refuses.
 *
 * @param path Path of the file, or of any part of a split model.
 * @throws ERR_FILE_NOT_FOUND or ERR_FILE_READ if the file cannot be read, ERR_INVALID_MODEL or ERR_UNSUPPORTED_MODEL if it is no GGUF
 *   file of version 2 or 3, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY or ERR_NATIVE_LOAD; `signal.reason` on abort.
 *
 * @example
 * const { architecture, parameters, contextLength } = await inspectModel('model.gguf')
 */
export async function inspectModel(path: string, options?: InspectOptions): Promise<ModelDescription> {
  return inspectModelWith(native(), path, options)
}
