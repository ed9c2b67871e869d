/**
 * Encoders and decoders of GGUF's tensor types, written from the format's definition: any valid block is fine for a test model, so
 * the encoders search no further than minimum and maximum. The decoders are the test's oracle and compute in f64.
 */
import { toHalf } from '../../lib/demo/gguf/half'
import { bytesOf, type TensorType, tensorTypes } from '../../lib/demo/gguf/types'
import type { DecodeBlock } from './blocks'
import { type FloatType, formats, isFloat } from './formats'
import { fromBfloat, fromHalf, toBfloat } from './half'

const floatDecoders: Record<FloatType, DecodeBlock> = {
  F32: (bytes, byte, out, element) => {
    out[element] = bytes.getFloat32(byte, true)
  },
  F16: (bytes, byte, out, element) => {
    out[element] = fromHalf(bytes.getUint16(byte, true))
  },
  BF16: (bytes, byte, out, element) => {
    out[element] = fromBfloat(bytes.getUint16(byte, true))
  },
}

/** Bytes of `values` in a tensor type; their number must be a multiple of the type's block. */
export function encode(type: TensorType, values: Float32Array): Uint8Array {
  if (type === 'F32') return bytesOf(values)
  if (type === 'F16') return bytesOf(toHalf(values))
  if (type === 'BF16') return bytesOf(toBfloat(values))
  const { blockElements, blockBytes } = tensorTypes[type]
  const blocks = wholeBlocks(values.length, blockElements, type)
  const out = new Uint8Array(blocks * blockBytes)
  const view = new DataView(out.buffer)
  for (let b = 0; b < blocks; b++) formats[type].encode(values, b * blockElements, view, b * blockBytes)
  return out
}

/** The exact values of a tensor's bytes. */
export function decode(type: TensorType, bytes: Uint8Array): Float64Array {
  const { blockElements, blockBytes } = tensorTypes[type]
  const blocks = wholeBlocks(bytes.length, blockBytes, type)
  const out = new Float64Array(blocks * blockElements)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decodeBlock = isFloat(type) ? floatDecoders[type] : formats[type].decode
  for (let b = 0; b < blocks; b++) decodeBlock(view, b * blockBytes, out, b * blockElements)
  return out
}

function wholeBlocks(length: number, block: number, type: TensorType): number {
  if (length % block) throw new RangeError(`${length} is no whole number of ${type} blocks of ${block}`)
  return length / block
}
