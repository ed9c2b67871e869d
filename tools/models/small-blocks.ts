/** Blocks of 32 elements: an f16 scale, then the quants. */

import { type BlockFormat, clamp, type DecodeBlock, type EncodeBlock, putHalf, spread } from './blocks'
import { fromHalf } from './half'

const chooseScale: BlockFormat['makeValid'] = (bytes, byte, scales) => bytes.setUint16(byte, scales[bytes.getUint8(byte) & 63]!, true)

/** Q8_0: f16 scale, 32 signed bytes. x = scale * q. */
const encodeQ80: EncodeBlock = (values, element, out, byte) => {
  let largest = 0
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[element + i]!))
  const scale = putHalf(out, byte, largest / 127)
  for (let i = 0; i < 32; i++) out.setInt8(byte + 2 + i, scale ? clamp(Math.round(values[element + i]! / scale), -127, 127) : 0)
}

const decodeQ80: DecodeBlock = (bytes, byte, out, element) => {
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
const encodeQ40: EncodeBlock = (values, element, out, byte) => {
  const level = signedLevels(values, element, out, byte, 4)
  for (let i = 0; i < 16; i++) out.setUint8(byte + 2 + i, level(i) | (level(16 + i) << 4))
}

const decodeQ40: DecodeBlock = (bytes, byte, out, element) => {
  const scale = fromHalf(bytes.getUint16(byte, true))
  for (let i = 0; i < 16; i++) {
    const q = bytes.getUint8(byte + 2 + i)
    out[element + i] = scale * ((q & 15) - 8)
    out[element + 16 + i] = scale * ((q >> 4) - 8)
  }
}

/** Q5_0: as Q4_0, with 32 bits between scale and nibbles, the fifth bit of each element. x = scale * (q - 16). */
const encodeQ50: EncodeBlock = (values, element, out, byte) => {
  const level = signedLevels(values, element, out, byte, 5)
  let fifth = 0
  for (let i = 0; i < 32; i++) fifth |= (level(i) >> 4) << i
  out.setUint32(byte + 2, fifth >>> 0, true)
  for (let i = 0; i < 16; i++) out.setUint8(byte + 6 + i, (level(i) & 15) | ((level(16 + i) & 15) << 4))
}

const decodeQ50: DecodeBlock = (bytes, byte, out, element) => {
  const scale = fromHalf(bytes.getUint16(byte, true))
  const fifth = bytes.getUint32(byte + 2, true)
  for (let i = 0; i < 32; i++) {
    const low = (bytes.getUint8(byte + 6 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15
    out[element + i] = scale * ((low | (((fifth >>> i) & 1) << 4)) - 16)
  }
}

export const q80: BlockFormat = { encode: encodeQ80, decode: decodeQ80, deviation: spread(256), makeValid: chooseScale }
export const q40: BlockFormat = { encode: encodeQ40, decode: decodeQ40, deviation: spread(16), makeValid: chooseScale }
export const q50: BlockFormat = { encode: encodeQ50, decode: decodeQ50, deviation: spread(32), makeValid: chooseScale }
