/** What test models need of 16-bit floats besides `toHalf()`, which the demo model has. Rounding is to nearest, ties to even. */

const viewBits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)

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
