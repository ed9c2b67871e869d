import type { Layer, Stream } from './induction'
import type { Matrix } from './matrix'
import { headDim } from './rope-kernels'

/** Biases of one layer, one per output. */
export interface Biases {
  readonly q: Float32Array
  readonly k: Float32Array
  readonly v: Float32Array
}

/**
 * How far biases go beyond the constants that a projection has anyway (uniform, plus or minus), per layer. Each is a few times
 * what its projection gives otherwise, so that its absence drowns the rest; no more, because rounding grows with it.
 */
const spreads = [
  { q: 1, k: 0.5, v: 8 },
  { q: 600, k: 8, v: 8 },
] as const

/**
 * Moves part of a layer's computation into biases, without a change of what it computes. The stream holds a constant, so a
 * projection's column for it is a bias already: that moves over entirely. On top comes a random bias which the column takes back.
 *
 * A constant in a key of layer 2 would shift all scores alike, because the pairs in use hardly turn. So there, queries keep their
 * random bias in the pairs that nobody uses: keys are zero in them, but only as long as their bias is there.
 */
export function moveConstantsToBiases(layer: Layer, n: 0 | 1, stream: Stream, random: () => number): Biases {
  const { q, k, v } = layer
  const group = q.rows / k.rows
  const unused = Array.from({ length: q.rows }, (_, row) => {
    const inHead = row % headDim
    const key = Math.floor(row / headDim / group) * headDim
    return isZero(q, row) && isZero(q, partner(row)) && isZero(k, key + inHead) && isZero(k, partner(key + inHead))
  })
  const move = (weights: Matrix, range: number, keeps: (row: number) => boolean): Float32Array =>
    Float32Array.from({ length: weights.rows }, (_, row) => {
      const column = weights.at(row, stream.one)
      const extra = range * (2 * random() - 1)
      weights.add(row, stream.one, -column - (keeps(row) ? 0 : extra / stream.oneSize))
      return column * stream.oneSize + extra
    })
  const never = (): boolean => false
  const spread = spreads[n]
  return { q: move(q, spread.q, (row) => unused[row]!), k: move(k, spread.k, never), v: move(v, spread.v, never) }
}

/** The other dimension of a row's RoPE pair; models with biases (Qwen2) split pairs in halves. */
const partner = (row: number): number => (row % headDim < headDim / 2 ? row + headDim / 2 : row - headDim / 2)

const isZero = (weights: Matrix, row: number): boolean =>
  weights.data.subarray(row * weights.columns, (row + 1) * weights.columns).every((x) => x === 0)
