/** What a pass must read and compute at least, and how long that takes at the machine's measured peaks. */
import { readGguf } from '../test/helpers/native'
import type { Peaks } from './native-programs'

export interface Pass {
  /** 'prefill' wants no logits. */
  readonly metric: string
  readonly rows: number
  readonly depth: number
  readonly kv: string
}

/** What of a model a pass's cost depends on. */
export interface Shape {
  /** Matrices by type: what they hold in the file, and their elements. `output` apart: only where logits are wanted. */
  readonly layersWeights: readonly Weights[]
  readonly output: Weights
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

interface Weights {
  readonly type: string
  readonly bytes: number
  readonly elements: number
}

export async function shapeOf(file: string): Promise<Shape> {
  const { metadata, tensors } = await readGguf(file)
  const value = (key: string) => metadata[`${metadata['general.architecture']}.${key}`] as number
  const matrices = tensors.filter((t) => t.shape.length === 2)
  const weights = ({ type, bytes, shape }: (typeof tensors)[number]): Weights => ({ type, bytes, elements: shape[0]! * shape[1]! })
  const embedding = matrices.find((t) => t.name === 'token_embd.weight')!
  const heads = value('attention.head_count')
  return {
    layersWeights: matrices.filter((t) => t.name.startsWith('blk.')).map(weights),
    output: weights(matrices.find((t) => t.name === 'output.weight') ?? embedding),
    layers: value('block_count'),
    heads,
    kvHeads: value('attention.head_count_kv') ?? heads,
    headDim: value('attention.key_length') ?? value('embedding_length') / heads,
  }
}

const kvBytes: Readonly<Record<string, number>> = { f16: 2, bf16: 2, f32: 4, q8: 1 }

/** Bytes of keys and values of a token; 8 bits have a scale of 4 bytes per token and head. */
export function kvTokenBytes({ layers, kvHeads, headDim }: Shape, kv: string): number {
  return 2 * layers * kvHeads * (headDim * kvBytes[kv]! + (kv === 'q8' ? 4 : 0))
}

/** The arithmetic that a type is held against, GOP/s: what the machine has for such operands, whether or not a kernel uses it. */
export function arithmeticPeak(type: string, peaks: Peaks): number | undefined {
  const [f32, bf16] = [peaks.f32Gops?.all, peaks.bf16Gops?.all]
  if (type.toLowerCase() === 'bf16') return f32 === undefined || bf16 === undefined ? (bf16 ?? f32) : Math.max(f32, bf16)
  return /^q/i.test(type) ? peaks.int8Gops?.all : f32
}

/**
 * The least time of a pass, ms: of its linear layers and of its attention the longer of reading and computing. Matrices are read
 * once, keys and values once for all rows. undefined where a peak is missing.
 */
export function limitMs(shape: Shape, { metric, rows, depth, kv }: Pass, peaks: Peaks): number | undefined {
  const weights = metric === 'prefill' ? shape.layersWeights : [...shape.layersWeights, shape.output]
  const bytes = weights.reduce((sum, w) => sum + w.bytes, 0)
  const linear = weights.reduce((sum, w) => sum + (2 * w.elements * rows) / (arithmeticPeak(w.type, peaks) ?? Number.NaN), 0)
  const keys = depth + (rows + 1) / 2 // of a row, on average
  const products = (4 * shape.layers * shape.heads * shape.headDim * keys * rows) / (arithmeticPeak(kv, peaks) ?? Number.NaN)
  const read = peaks.readGbps.all
  const limit = Math.max(bytes / read, linear) + Math.max(((depth + rows) * kvTokenBytes(shape, kv)) / read, products)
  return Number.isFinite(limit) ? limit / 1e6 : undefined
}
