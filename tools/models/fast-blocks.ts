/**
 * Tensor data straight from a generator: random quants under scales that give the wanted standard deviation, for models whose size
 * matters and whose weights do not. Weights are uniform, blocks valid, scales and mins varied.
 */
import { toHalf } from '../../lib/demo/gguf/half'
import { bytesOf, type TensorType, tensorTypes } from '../../lib/demo/gguf/types'
import { type FloatType, formats, isFloat, type QuantisedType } from './formats'
import { toBfloat } from './half'
import type { Random } from './random'

/** Elements per piece: whole blocks of every type. */
const piece = 1 << 20

/** `count` weights of mean 0 and about this standard deviation, in pieces whose buffer is reused. */
export function* fastBlocks(type: TensorType, count: number, deviation: number, random: Random): Iterable<Uint8Array> {
  const { blockElements, blockBytes } = tensorTypes[type]
  const make = isFloat(type) ? floats(type, deviation, random) : blocks(type, deviation, random)
  for (let start = 0; start < count; start += piece) {
    yield make().subarray(0, (Math.min(piece, count - start) / blockElements) * blockBytes)
  }
}

function floats(type: FloatType, deviation: number, random: Random): () => Uint8Array {
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

function blocks(type: QuantisedType, deviation: number, random: Random): () => Uint8Array {
  const { blockElements, blockBytes } = tensorTypes[type]
  const bytes = new Uint8Array((piece / blockElements) * blockBytes)
  const words = new Uint32Array(bytes.buffer)
  const view = new DataView(bytes.buffer)
  // Scales of the blocks, as f16: 64 sizes around the wanted one, half of them negative where the type allows it.
  const scaleOf = scaleTable(deviation / formats[type].deviation)
  return () => {
    random.fill(words)
    for (let at = 0; at < bytes.length; at += blockBytes) formats[type].makeValid(view, at, scaleOf)
    return bytes
  }
}

function scaleTable(scale: number): Uint16Array {
  return toHalf(Float32Array.from({ length: 64 }, (_, i) => scale * (0.75 + (i & 31) / 62) * (i & 32 ? -1 : 1)))
}
