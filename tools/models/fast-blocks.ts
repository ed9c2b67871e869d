/**
 * Tensor data straight from a generator: random quants under scales that give the wanted standard deviation, for models whose size
 * matters and whose weights do not. Weights are uniform, blocks valid, scales and mins varied.
 */
import { fromHalf, toBfloat, toHalf } from '../../lib/demo/gguf/half'
import { bytesOf, type TensorType, tensorTypes } from '../../lib/demo/gguf/types'
import { packSixBits } from './k-quants'
import type { Random } from './random'

/** Elements per piece: whole blocks of every type. */
const piece = 1 << 20

/** Standard deviation of a quant that takes `levels` values with equal probability. */
const spread = (levels: number): number => Math.sqrt((levels * levels - 1) / 12)

/** `count` weights of mean 0 and about this standard deviation, in pieces whose buffer is reused. */
export function* fastBlocks(type: TensorType, count: number, deviation: number, random: Random): Iterable<Uint8Array> {
  const { blockElements, blockBytes } = tensorTypes[type]
  const make = type === 'F32' || type === 'F16' || type === 'BF16' ? floats(type, deviation, random) : blocks(type, deviation, random)
  for (let start = 0; start < count; start += piece) {
    yield make().subarray(0, (Math.min(piece, count - start) / blockElements) * blockBytes)
  }
}

function floats(type: 'F32' | 'F16' | 'BF16', deviation: number, random: Random): () => Uint8Array {
  const bits = new Uint32Array(piece)
  const values = new Float32Array(piece)
  const short = new Uint16Array(piece)
  const step = (deviation * Math.sqrt(12)) / 2 ** 32
  return () => {
    random.fill(bits)
    for (let i = 0; i < piece; i++) values[i] = (bits[i]! - 2 ** 31) * step
    if (type === 'F32') return bytesOf(values)
    return bytesOf(type === 'F16' ? toHalf(values, short) : toBfloat(values, short))
  }
}

function blocks(type: Exclude<TensorType, 'F32' | 'F16' | 'BF16'>, deviation: number, random: Random): () => Uint8Array {
  const { blockElements, blockBytes } = tensorTypes[type]
  const bytes = new Uint8Array((piece / blockElements) * blockBytes)
  const words = new Uint32Array(bytes.buffer)
  const view = new DataView(bytes.buffer)
  // Scales of the blocks, as f16: 64 sizes around the wanted one, half of them negative where the type allows it.
  const scaleOf = scaleTable(deviation / typicalScale[type])
  return () => {
    random.fill(words)
    for (let at = 0; at < bytes.length; at += blockBytes) headers[type](view, at, scaleOf)
    return bytes
  }
}

/** Standard deviation of a weight whose block has a scale of 1. */
const typicalScale = {
  Q8_0: spread(256),
  Q4_0: spread(16),
  Q5_0: spread(32),
  Q4_K: 48 * spread(16), // sub-block scales are 33..63
  Q5_K: 48 * spread(32),
  Q6_K: 80 * spread(64), // sub-block scales are 64..95, plus or minus
} as const

function scaleTable(scale: number): Uint16Array {
  return toHalf(Float32Array.from({ length: 64 }, (_, i) => scale * (0.75 + (i & 31) / 62) * (i & 32 ? -1 : 1)))
}

/** Turns random bytes of a block into a valid one; its own first bytes choose among the scales. */
const headers = {
  Q8_0: (view: DataView, at: number, scales: Uint16Array): void => view.setUint16(at, scales[view.getUint8(at) & 63]!, true),
  Q4_0: (view: DataView, at: number, scales: Uint16Array): void => view.setUint16(at, scales[view.getUint8(at) & 63]!, true),
  Q5_0: (view: DataView, at: number, scales: Uint16Array): void => view.setUint16(at, scales[view.getUint8(at) & 63]!, true),
  Q4_K: (view: DataView, at: number, scales: Uint16Array): void => scaledMin(view, at, scales, 7.5),
  Q5_K: (view: DataView, at: number, scales: Uint16Array): void => scaledMin(view, at, scales, 15.5),
  Q6_K: (view: DataView, at: number, scales: Uint16Array): void => {
    for (let s = 192; s < 208; s++) {
      const random = view.getUint8(at + s)
      view.setInt8(at + s, (64 + (random & 31)) * (random & 128 ? -1 : 1))
    }
    view.setUint16(at + 208, scales[view.getUint8(at + 208) & 63]!, true)
  },
} as const

const subScales = new Uint8Array(8)
const subMins = new Uint8Array(8)
const half = new Float32Array(1)
const halfBits = new Uint16Array(1)

/** Q4_K and Q5_K: mins near the scales, and dmin = d times the middle quant, so that weights have a mean near 0. */
function scaledMin(view: DataView, at: number, scales: Uint16Array, middle: number): void {
  const d = scales[view.getUint8(at) & 31]! // positive ones
  for (let s = 0; s < 8; s++) {
    const random = view.getUint8(at + 4 + s)
    subScales[s] = 33 + (random % 31)
    subMins[s] = Math.min(63, subScales[s]! - 2 + (random >> 6))
  }
  half[0] = fromHalf(d) * middle
  view.setUint16(at, d, true)
  view.setUint16(at + 2, toHalf(half, halfBits)[0]!, true)
  packSixBits(view, at + 4, subScales, subMins)
}
