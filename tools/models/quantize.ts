/**
 * Encoders and decoders of GGUF's tensor types, written from the format's definition: any valid block is fine for a test model, so
 * the encoders search no further than minimum and maximum. The decoders are the test's oracle and compute in f64.
 */
import { fromBfloat, fromHalf, toBfloat, toHalf } from '../../lib/demo/gguf/half'
import { bytesOf, type TensorType, tensorTypes } from '../../lib/demo/gguf/types'
import { clamp, type DecodeBlock, type EncodeBlock, putHalf } from './blocks'
import { decodeQ4K, decodeQ5K, decodeQ6K, encodeQ4K, encodeQ5K, encodeQ6K } from './k-quants'

const encoders: Partial<Record<TensorType, EncodeBlock>> = {
  Q8_0: encodeQ80,
  Q4_0: encodeQ40,
  Q5_0: encodeQ50,
  Q4_K: encodeQ4K,
  Q5_K: encodeQ5K,
  Q6_K: encodeQ6K,
}

const decoders: Record<TensorType, DecodeBlock> = {
  F32: (bytes, byte, out, element) => {
    out[element] = bytes.getFloat32(byte, true)
  },
  F16: (bytes, byte, out, element) => {
    out[element] = fromHalf(bytes.getUint16(byte, true))
  },
  BF16: (bytes, byte, out, element) => {
    out[element] = fromBfloat(bytes.getUint16(byte, true))
  },
  Q8_0: decodeQ80,
  Q4_0: decodeQ40,
  Q5_0: decodeQ50,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
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
  for (let b = 0; b < blocks; b++) encoders[type]!(values, b * blockElements, view, b * blockBytes)
  return out
}

/** The exact values of a tensor's bytes. */
export function decode(type: TensorType, bytes: Uint8Array): Float64Array {
  const { blockElements, blockBytes } = tensorTypes[type]
  const blocks = wholeBlocks(bytes.length, blockBytes, type)
  const out = new Float64Array(blocks * blockElements)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let b = 0; b < blocks; b++) decoders[type](view, b * blockBytes, out, b * blockElements)
  return out
}

function wholeBlocks(length: number, block: number, type: TensorType): number {
  if (length % block) throw new RangeError(`${length} is no whole number of ${type} blocks of ${block}`)
  return length / block
}

/** Q8_0: f16 scale, 32 signed bytes. x = scale * q. */
function encodeQ80(values: Float32Array, element: number, out: DataView, byte: number): void {
  let largest = 0
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[element + i]!))
  const scale = putHalf(out, byte, largest / 127)
  for (let i = 0; i < 32; i++) out.setInt8(byte + 2 + i, scale ? clamp(Math.round(values[element + i]! / scale), -127, 127) : 0)
}

function decodeQ80(bytes: DataView, byte: number, out: Float64Array, element: number): void {
  const scale = fromHalf(bytes.getUint16(byte, true))
  for (let i = 0; i < 32; i++) out[element + i] = scale * bytes.getInt8(byte + 2 + i)
}

/** The scale of which the block's extreme is the lowest level, -2^(bits - 1): the side with one step more. Gives each element's level, from 0. */
function signedLevels(values: Float32Array, element: number, out: DataView, byte: number, bits: number): (i: number) => number {
  let extreme = 0
  for (let i = 0; i < 32; i++) if (Math.abs(values[element + i]!) > Math.abs(extreme)) extreme = values[element + i]!
  const zero = 2 ** (bits - 1)
  const scale = putHalf(out, byte, extreme / -zero)
  return (i) => (scale ? clamp(Math.round(values[element + i]! / scale) + zero, 0, 2 * zero - 1) : zero)
}

/** Q4_0: f16 scale, 32 nibbles: byte i holds element i (low) and i + 16 (high). x = scale * (q - 8). */
function encodeQ40(values: Float32Array, element: number, out: DataView, byte: number): void {
  const level = signedLevels(values, element, out, byte, 4)
  for (let i = 0; i < 16; i++) out.setUint8(byte + 2 + i, level(i) | (level(16 + i) << 4))
}

function decodeQ40(bytes: DataView, byte: number, out: Float64Array, element: number): void {
  const scale = fromHalf(bytes.getUint16(byte, true))
  for (let i = 0; i < 16; i++) {
    const q = bytes.getUint8(byte + 2 + i)
    out[element + i] = scale * ((q & 15) - 8)
    out[element + 16 + i] = scale * ((q >> 4) - 8)
  }
}

/** Q5_0: as Q4_0, with 32 bits between scale and nibbles, the fifth bit of each element. x = scale * (q - 16). */
function encodeQ50(values: Float32Array, element: number, out: DataView, byte: number): void {
  const level = signedLevels(values, element, out, byte, 5)
  let fifth = 0
  for (let i = 0; i < 32; i++) fifth |= (level(i) >> 4) << i
  out.setUint32(byte + 2, fifth >>> 0, true)
  for (let i = 0; i < 16; i++) out.setUint8(byte + 6 + i, (level(i) & 15) | ((level(16 + i) & 15) << 4))
}

function decodeQ50(bytes: DataView, byte: number, out: Float64Array, element: number): void {
  const scale = fromHalf(bytes.getUint16(byte, true))
  const fifth = bytes.getUint32(byte + 2, true)
  for (let i = 0; i < 32; i++) {
    const low = (bytes.getUint8(byte + 6 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15
    out[element + i] = scale * ((low | (((fifth >>> i) & 1) << 4)) - 16)
  }
}
