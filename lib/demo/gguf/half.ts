/**
 * IEEE binary16 of every value: 1 sign, 5 exponent, 10 mantissa bits. It rounds to nearest, ties to even, as the hardware does: f32 values
 * beyond the largest f16 become infinities, small ones subnormals; a NaN stays a NaN.
 */
export function toHalf(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
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
