import { toHalf } from './gguf/half'
import { bytesOf, type TensorSource } from './gguf/types'

/** A weight matrix as GGUF stores it: `rows` outputs of `columns` inputs each. */
export class Matrix {
  readonly data: Float32Array

  constructor(
    readonly rows: number,
    readonly columns: number,
  ) {
    this.data = new Float32Array(rows * columns)
  }

  at(row: number, column: number): number {
    return this.data[row * this.columns + column]!
  }

  add(row: number, column: number, value: number): void {
    this.data[row * this.columns + column]! += value
  }

  tensor(name: string, type: 'F16' | 'F32'): TensorSource {
    return { name, shape: [this.columns, this.rows], type, data: () => [bytesOf(type === 'F16' ? toHalf(this.data) : this.data)] }
  }
}

/** A vector tensor; GGUF files keep those in F32. */
export function vectorTensor(name: string, values: Float32Array): TensorSource {
  return { name, shape: [values.length], type: 'F32', data: () => [bytesOf(values)] }
}

/** A small seeded generator of numbers in [0, 1) (mulberry32): the same seed gives the same file everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
