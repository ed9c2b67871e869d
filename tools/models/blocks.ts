/** What the quantised formats share. */
import { toHalf } from '../../lib/demo/gguf/half'
import { fromHalf } from './half'

/** Encodes the block that starts at `element` into the zeroed bytes that start at `byte`. */
export type EncodeBlock = (values: Float32Array, element: number, out: DataView, byte: number) => void
/** The reverse. */
export type DecodeBlock = (bytes: DataView, byte: number, out: Float64Array, element: number) => void

/** A quantised format. `formats.ts` lists them. */
export interface BlockFormat {
  readonly encode: EncodeBlock
  readonly decode: DecodeBlock
  /** Standard deviation of a weight of a random block with a scale of 1. */
  readonly deviation: number
  /** Turns the random bytes of the block that starts at `byte` into a valid one; its own bytes choose among the 64 scales, f16. */
  readonly makeValid: (bytes: DataView, byte: number, scales: Uint16Array) => void
}

/** Standard deviation of a quant that takes `levels` values with equal probability. */
export const spread = (levels: number): number => Math.sqrt((levels * levels - 1) / 12)

const half = new Float32Array(1)
const halfBits = new Uint16Array(1)

/** Stores `value` as f16 and returns what it reads back as: encoders must divide by the scale that the decoder will see. */
export function putHalf(out: DataView, byte: number, value: number): number {
  half[0] = value
  out.setUint16(byte, toHalf(half, halfBits)[0]!, true)
  return fromHalf(halfBits[0]!)
}

export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x))
