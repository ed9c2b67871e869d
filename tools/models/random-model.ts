/** Models of any shape with random weights: the same names and metadata as real GGUF files, so that other engines load them too. */

import { bytesOf, f32, type GgufSource, type Metadata, string, type TensorSource, type TensorType, u32 } from '../../lib/demo/gguf/types'
import { writeGguf } from '../../lib/demo/gguf/write'
import { describeTokenizer } from '../../lib/demo/model'
import { type Llama3Scaling, llama3Factors } from '../../lib/demo/rope-kernels'
import { demoMerges, makeVocabulary } from '../../lib/demo/vocabulary'
import { fastBlocks } from './fast-blocks'
import { encode } from './quantize'
import { Random } from './random'

/** The matrices of a model, as `dtypes` names them. Norms, biases and rope_freqs are F32, as in every GGUF file. */
export type MatrixKind = 'token_embd' | 'output' | 'attn_q' | 'attn_k' | 'attn_v' | 'attn_output' | 'ffn_gate' | 'ffn_up' | 'ffn_down'

export type RopeScaling =
  | { readonly type: 'none' }
  | ({ readonly type: 'llama3' } & Llama3Scaling)
  | { readonly type: 'linear' | 'yarn'; readonly factor: number; readonly original: number }

export interface RandomModelOptions {
  readonly arch: 'llama' | 'qwen2'
  readonly layers: number
  readonly embd: number
  readonly heads: number
  readonly kvHeads: number
  /** Default embd / heads. */
  readonly headDim?: number
  readonly ffn: number
  /** Tokens: the demo's byte-level BPE, padded with unused tokens. 258 or more. */
  readonly vocab: number
  /** Context length, tokens. Default 4,096. */
  readonly ctx?: number
  /** Default 10,000 for llama, 1,000,000 for qwen2. */
  readonly theta?: number
  readonly ropeScaling?: RopeScaling
  /** Default false. True: no output.weight. */
  readonly tied?: boolean
  /** Types of the matrices. Default F32. */
  readonly dtypes?: { readonly [kind in MatrixKind | 'default']?: TensorType }
  /** Default 1. */
  readonly seed?: number
  /** Standard deviation of the logits. Default 6: greedy choices are mostly clear. */
  readonly scale?: number
  /** Fills blocks from a fast generator (uniform instead of normal weights): a gigabyte in seconds. Default false. */
  readonly fast?: boolean
}

/** Writes the model; the same options give the same file. @returns its size in bytes. @throws ERR_INVALID_ARGUMENT, ERR_FILE_WRITE. */
export function writeRandomModel(path: string, options: RandomModelOptions): Promise<number> {
  return writeGguf(path, randomModel(options))
}

/** The model as {@link writeRandomModel} writes it. */
export function randomModel(options: RandomModelOptions): GgufSource {
  const { arch, layers, embd, heads, kvHeads, ffn, vocab, tied = false, scale = 6, seed = 1, dtypes = {}, fast = false } = options
  const { headDim = embd / heads, ropeScaling = { type: 'none' } } = options
  let stream = 0 // every tensor has a random sequence of its own

  /** Weights of standard deviation gain / sqrt(columns): inputs of RMS 1 give outputs of RMS `gain`. */
  const matrix = (name: string, kind: MatrixKind, columns: number, rows: number, gain = 1): TensorSource => {
    const type = dtypes[kind] ?? dtypes.default ?? 'F32'
    const random = new Random(seed, stream++)
    const deviation = gain / Math.sqrt(columns)
    return { name, shape: [columns, rows], type, data: () => (fast ? fastBlocks : normalBlocks)(type, columns * rows, deviation, random) }
  }
  const vector = (name: string, length: number, mean: number, deviation: number): TensorSource => {
    const random = new Random(seed, stream++)
    const values = Float32Array.from({ length }, () => mean + deviation * random.normal())
    return { name, shape: [length], type: 'F32', data: () => [bytesOf(values)] }
  }

  // A tied model's embeddings must be small, for they are its output too, and then whatever the layers write must be larger:
  // else the last token would always be the most probable next one.
  const residual = tied ? scale : 1
  const embedding = tied ? scale : Math.sqrt(embd)
  const tensors: TensorSource[] = [matrix('token_embd.weight', 'token_embd', embd, vocab, embedding)]
  if (ropeScaling.type === 'llama3') {
    const factors = llama3Factors(thetaOf(options), headDim / 2, ropeScaling)
    tensors.push({ name: 'rope_freqs.weight', shape: [headDim / 2], type: 'F32', data: () => [bytesOf(factors)] })
  }
  for (let n = 0; n < layers; n++) {
    const add = (kind: MatrixKind, columns: number, rows: number, gain?: number): void => {
      tensors.push(matrix(`blk.${n}.${kind}.weight`, kind, columns, rows, gain))
    }
    tensors.push(vector(`blk.${n}.attn_norm.weight`, embd, 1, 0.1))
    for (const [kind, rows] of [
      ['attn_q', heads],
      ['attn_k', kvHeads],
      ['attn_v', kvHeads],
    ] as const) {
      add(kind, embd, rows * headDim)
      if (arch === 'qwen2') tensors.push(vector(`blk.${n}.${kind}.bias`, rows * headDim, 0, 0.5))
    }
    add('attn_output', heads * headDim, embd, residual)
    tensors.push(vector(`blk.${n}.ffn_norm.weight`, embd, 1, 0.1))
    add('ffn_gate', embd, ffn)
    add('ffn_up', embd, ffn)
    add('ffn_down', ffn, embd, residual)
  }
  tensors.push(vector('output_norm.weight', embd, 1, 0.1))
  if (!tied) tensors.push(matrix('output.weight', 'output', embd, vocab, scale))
  return { metadata: describe(options, headDim, ropeScaling), tensors }
}

const thetaOf = ({ arch, theta }: RandomModelOptions): number => theta ?? (arch === 'llama' ? 1e4 : 1e6)

function describe(options: RandomModelOptions, headDim: number, scaling: RopeScaling): Metadata {
  const { arch, layers, embd, heads, kvHeads, ffn, vocab, ctx = 4096 } = options
  const vocabulary = makeVocabulary(demoMerges(), vocab)
  return [
    ['general.architecture', string(arch)],
    ['general.name', string('random weights')],
    [`${arch}.vocab_size`, u32(vocab)],
    [`${arch}.context_length`, u32(ctx)],
    [`${arch}.embedding_length`, u32(embd)],
    [`${arch}.block_count`, u32(layers)],
    [`${arch}.feed_forward_length`, u32(ffn)],
    [`${arch}.attention.head_count`, u32(heads)],
    [`${arch}.attention.head_count_kv`, u32(kvHeads)],
    ...(headDim === embd / heads
      ? []
      : ([
          [`${arch}.attention.key_length`, u32(headDim)],
          [`${arch}.attention.value_length`, u32(headDim)],
        ] as const)),
    [`${arch}.attention.layer_norm_rms_epsilon`, f32(arch === 'qwen2' ? 1e-6 : 1e-5)],
    [`${arch}.rope.dimension_count`, u32(headDim)],
    [`${arch}.rope.freq_base`, f32(thetaOf(options))],
    ...(scaling.type === 'linear' || scaling.type === 'yarn' ? describeScaling(arch, scaling) : []),
    ...describeTokenizer(vocabulary, arch === 'qwen2' ? 'qwen2' : 'llama-bpe'),
  ]
}

function describeScaling(
  arch: string,
  { type, factor, original }: { type: 'linear' | 'yarn'; factor: number; original: number },
): Metadata {
  return [
    [`${arch}.rope.scaling.type`, string(type)],
    [`${arch}.rope.scaling.factor`, f32(factor)],
    [`${arch}.rope.scaling.original_context_length`, u32(original)],
  ]
}

/** Normal weights through the encoders, in pieces that are whole blocks of every type. */
function* normalBlocks(type: TensorType, count: number, deviation: number, random: Random): Iterable<Uint8Array> {
  const piece = 1 << 16
  for (let start = 0; start < count; start += piece) {
    const values = new Float32Array(Math.min(piece, count - start))
    for (let i = 0; i < values.length; i++) values[i] = deviation * random.normal()
    yield encode(type, values)
  }
}
