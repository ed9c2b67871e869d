/** A fast seeded generator (xoshiro128++) for test weights: the same seed and stream give the same numbers everywhere. */
export class Random {
  readonly #state = new Uint32Array(4)
  #spare: number | undefined

  /** @param stream sequences of one seed that have nothing to do with each other. */
  constructor(seed: number, stream: number) {
    // splitmix32 spreads the two numbers over the state, which must not be all zero.
    let x = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0
      let z = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      this.#state[i] = (z ^ (z >>> 16)) >>> 0 || 1
    }
  }

  /** Fills `out` with random bits. */
  fill(out: Uint32Array): void {
    let [a, b, c, d] = this.#state as unknown as [number, number, number, number]
    for (let i = 0; i < out.length; i++) {
      const sum = (a + d) | 0
      out[i] = ((sum << 7) | (sum >>> 25)) + a
      const shifted = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= shifted
      d = (d << 11) | (d >>> 21)
    }
    this.#state.set([a, b, c, d])
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    this.fill(this.#one)
    return this.#one[0]! / 2 ** 32
  }

  /** Normal with mean 0 and standard deviation 1 (Box-Muller, two at a time). */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare
      this.#spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  readonly #one = new Uint32Array(1)
}
