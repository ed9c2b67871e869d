/**
 * 16-bit floats. Both conversions round to nearest, ties to even, as the hardware does: f32 values beyond the largest f16 become
 * infinities, small ones subnormals; a NaN stays a NaN.
 */

const viewBits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)

/** IEEE binary16 of every value: 1 sign, 5 exponent, 10 mantissa bits. */
export function toHalf(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  const bits = viewBits(values)
  for (let n = 0; n < bits.length; n++) {
    const x = bits[n]!
    const sign = (x >>> 16) & 0x8000
    const magnitude = x & 0x7fffffff
    if (magnitude >= 0x47800000) {
      // 65536 and more, infinity, NaN
      out[n] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
    } else if (magnitude >= 0x38800000) {
      // Normal in f16: rebias the exponent (127 -> 15) and drop 13 mantissa bits. A carry out of the mantissa is the next
      // exponent, and out of the largest number it is infinity.
      const rebiased = magnitude - (112 << 23)
      out[n] = sign | ((rebiased + 0x0fff + ((rebiased >>> 13) & 1)) >>> 13)
    } else if (magnitude >= 0x33000000) {
      // Subnormal in f16: units of 2^-24. 0x33000000 = 2^-25 is the tie with zero.
      const shift = 126 - (magnitude >>> 23)
      const mantissa = (magnitude & 0x7fffff) | 0x800000
      const whole = mantissa >>> shift
      const rest = mantissa & ((1 << shift) - 1)
      const tie = 1 << (shift - 1)
      out[n] = sign | (whole + (rest > tie || (rest === tie && (whole & 1) === 1) ? 1 : 0))
    } else {
      out[n] = sign
    }
  }
  return out
}

/** bfloat16 of every value: the upper half of an f32. */
export function toBfloat(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  const bits = viewBits(values)
  for (let n = 0; n < bits.length; n++) {
    const x = bits[n]!
    out[n] = (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
  return out
}

/** The exact value of an IEEE binary16. */
export function fromHalf(half: number): number {
  const magnitude = half & 0x7fff
  const sign = half & 0x8000 ? -1 : 1
  if (magnitude >= 0x7c00) return magnitude > 0x7c00 ? Number.NaN : sign * Number.POSITIVE_INFINITY
  // The same fields as an f32 are the value times 2^(15 - 127), subnormals included.
  scratchBits[0] = magnitude << 13
  return sign * scratch[0]! * 2 ** 112
}

/** The exact value of a bfloat16. */
export function fromBfloat(bfloat: number): number {
  scratchBits[0] = bfloat << 16
  return scratch[0]!
}

const scratch = new Float32Array(1)
const scratchBits = viewBits(scratch)
