/**
 * K-quants: super-blocks of 256 elements whose sub-blocks have small integer scales of their own.
 *
 * Q4_K, Q5_K: 8 sub-blocks of 32. x = d * scale * q - dmin * min, scale and min 6 bits each.
 *   bytes: d f16 | dmin f16 | 12 of packed scales and mins | Q5_K: 32 of fifth bits | 128 of nibbles
 *   nibbles: byte 32 c + i holds element 64 c + i (low) and 64 c + 32 + i (high); fifth bit of sub-block s is bit s of byte i.
 * Q6_K: 16 sub-blocks of 16. x = d * scale * (q - 32), scale a signed byte.
 *   bytes: 128 of low nibbles | 64 of upper bit pairs | 16 scales | d f16
 *   in each half of 128 elements: element i + 32 p (p = 0..3) has its nibble in byte (i + 32 (p & 1)), low for p < 2,
 *   and its upper two bits in byte i, bits 2 p and 2 p + 1.
 */

import { type BlockFormat, clamp, type DecodeBlock, type EncodeBlock, putHalf, spread } from './blocks'
import { fromHalf } from './half'

/** Scale (`min` 0) or min (`min` 1) j of the 8 in the 12 packed bytes. */
function sixBits(bytes: DataView, byte: number, j: number, min: 0 | 1): number {
  if (j < 4) return bytes.getUint8(byte + j + 4 * min) & 63
  const low = (bytes.getUint8(byte + j + 4) >> (4 * min)) & 15
  return low | ((bytes.getUint8(byte + j - 4 + 4 * min) >> 6) << 4)
}

/** Packs 8 scales and 8 mins of 6 bits: four whole ones in the low 6 bits of bytes 0-3 / 4-7, the others spread over the rest. */
function packSixBits(out: DataView, byte: number, scales: ArrayLike<number>, mins: ArrayLike<number>): void {
  for (let j = 0; j < 4; j++) {
    out.setUint8(byte + j, scales[j]! | ((scales[j + 4]! >> 4) << 6))
    out.setUint8(byte + 4 + j, mins[j]! | ((mins[j + 4]! >> 4) << 6))
    out.setUint8(byte + 8 + j, (scales[j + 4]! & 15) | ((mins[j + 4]! & 15) << 4))
  }
}

function encodeScaledMin(bits: 4 | 5): EncodeBlock {
  const top = 2 ** bits - 1
  return (values, element, out, byte) => {
    const steps = new Float64Array(8)
    const lows = new Float64Array(8)
    for (let s = 0; s < 8; s++) {
      let low = 0 // the min is subtracted and not negative, so the range includes 0
      let high = 0
      for (let i = 0; i < 32; i++) {
        low = Math.min(low, values[element + 32 * s + i]!)
        high = Math.max(high, values[element + 32 * s + i]!)
      }
      steps[s] = (high - low) / top
      lows[s] = -low
    }
    const d = putHalf(out, byte, Math.max(...steps) / 63)
    const dmin = putHalf(out, byte + 2, Math.max(...lows) / 63)
    const scales = steps.map((step) => (d ? clamp(Math.ceil(step / d), 0, 63) : 0)) // rounded up: the range must not shrink
    const mins = lows.map((low) => (dmin ? clamp(Math.round(low / dmin), 0, 63) : 0))
    packSixBits(out, byte + 4, scales, mins)
    const fifths = byte + 16
    const nibbles = bits === 5 ? byte + 48 : byte + 16
    for (let n = 0; n < 256; n++) {
      const s = n >> 5
      const i = n & 31
      const step = d * scales[s]!
      const q = step ? clamp(Math.round((values[element + n]! + dmin * mins[s]!) / step), 0, top) : 0
      const at = nibbles + 32 * (s >> 1) + i
      out.setUint8(at, out.getUint8(at) | ((q & 15) << (4 * (s & 1))))
      if (bits === 5) out.setUint8(fifths + i, out.getUint8(fifths + i) | ((q >> 4) << s))
    }
  }
}

function decodeScaledMin(bits: 4 | 5): DecodeBlock {
  return (bytes, byte, out, element) => {
    const d = fromHalf(bytes.getUint16(byte, true))
    const dmin = fromHalf(bytes.getUint16(byte + 2, true))
    const nibbles = bits === 5 ? byte + 48 : byte + 16
    for (let n = 0; n < 256; n++) {
      const s = n >> 5
      const i = n & 31
      const low = (bytes.getUint8(nibbles + 32 * (s >> 1) + i) >> (4 * (s & 1))) & 15
      const fifth = bits === 5 ? (bytes.getUint8(byte + 16 + i) >> s) & 1 : 0
      out[element + n] = d * sixBits(bytes, byte + 4, s, 0) * (low + 16 * fifth) - dmin * sixBits(bytes, byte + 4, s, 1)
    }
  }
}

/** Where element n (0..255) of a Q6_K super-block has its bits: byte and shift of the nibble, byte and shift of the upper two. */
function placesQ6K(n: number): readonly [nibble: number, nibbleShift: number, upper: number, upperShift: number] {
  const side = n >> 7
  const p = (n >> 5) & 3
  const i = n & 31
  return [64 * side + 32 * (p & 1) + i, 4 * (p >> 1), 128 + 32 * side + i, 2 * p]
}

const encodeQ6K: EncodeBlock = (values, element, out, byte) => {
  const steps = new Float64Array(16)
  for (let n = 0; n < 256; n++) {
    const x = values[element + n]!
    // The side with 32 steps serves the extreme, hence the sign.
    if (Math.abs(x) > Math.abs(32 * steps[n >> 4]!)) steps[n >> 4] = x / -32
  }
  const d = putHalf(out, byte + 208, Math.max(...steps.map(Math.abs)) / 127)
  const scales = steps.map((step) => (d ? clamp(Math.round(step / d), -127, 127) : 0))
  scales.forEach((scale, s) => {
    out.setInt8(byte + 192 + s, scale)
  })
  for (let n = 0; n < 256; n++) {
    const step = d * scales[n >> 4]!
    const q = step ? clamp(Math.round(values[element + n]! / step), -32, 31) + 32 : 32
    const [nibble, nibbleShift, upper, upperShift] = placesQ6K(n)
    out.setUint8(byte + nibble, out.getUint8(byte + nibble) | ((q & 15) << nibbleShift))
    out.setUint8(byte + upper, out.getUint8(byte + upper) | ((q >> 4) << upperShift))
  }
}

const decodeQ6K: DecodeBlock = (bytes, byte, out, element) => {
  const d = fromHalf(bytes.getUint16(byte + 208, true))
  for (let n = 0; n < 256; n++) {
    const [nibble, nibbleShift, upper, upperShift] = placesQ6K(n)
    const low = (bytes.getUint8(byte + nibble) >> nibbleShift) & 15
    const q = low | (((bytes.getUint8(byte + upper) >> upperShift) & 3) << 4)
    out[element + n] = d * bytes.getInt8(byte + 192 + (n >> 4)) * (q - 32)
  }
}

const subScales = new Uint8Array(8)
const subMins = new Uint8Array(8)

/** Q4_K and Q5_K: mins near the scales, and dmin = d times the middle quant, so that weights have a mean near 0. */
function makeScaledMin(view: DataView, at: number, scales: Uint16Array, middle: number): void {
  const d = scales[view.getUint8(at) & 31]! // positive ones
  for (let s = 0; s < 8; s++) {
    const random = view.getUint8(at + 4 + s)
    subScales[s] = 33 + (random % 31)
    subMins[s] = Math.min(63, subScales[s]! - 2 + (random >> 6))
  }
  view.setUint16(at, d, true)
  putHalf(view, at + 2, fromHalf(d) * middle)
  packSixBits(view, at + 4, subScales, subMins)
}

/** Sub-block scales are 33..63. */
const scaledMin = (bits: 4 | 5): BlockFormat => ({
  encode: encodeScaledMin(bits),
  decode: decodeScaledMin(bits),
  deviation: 48 * spread(2 ** bits),
  makeValid: (view, at, scales) => makeScaledMin(view, at, scales, (2 ** bits - 1) / 2),
})

export const q4k = scaledMin(4)
export const q5k = scaledMin(5)
/** Sub-block scales are 64..95, plus or minus. */
export const q6k: BlockFormat = {
  encode: encodeQ6K,
  decode: decodeQ6K,
  deviation: 80 * spread(64),
  makeValid: (view, at, scales) => {
    for (let s = 192; s < 208; s++) {
      const random = view.getUint8(at + s)
      view.setInt8(at + s, (64 + (random & 31)) * (random & 128 ? -1 : 1))
    }
    view.setUint16(at + 208, scales[view.getUint8(at + 208) & 63]!, true)
  },
}
