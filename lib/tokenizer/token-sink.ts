/** A growing Int32Array. */
export class TokenSink {
  #tokens = new Int32Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(token: number): void {
    if (this.#length === this.#tokens.length) this.#grow(this.#length + 1)
    this.#tokens[this.#length++] = token
  }

  pushAll(tokens: Int32Array): void {
    if (this.#length + tokens.length > this.#tokens.length) this.#grow(this.#length + tokens.length)
    this.#tokens.set(tokens, this.#length)
    this.#length += tokens.length
  }

  /** A copy of what was pushed. */
  toArray(): Int32Array {
    return this.#tokens.slice(0, this.#length)
  }

  #grow(needed: number): void {
    const tokens = new Int32Array(Math.max(needed, 2 * this.#tokens.length))
    tokens.set(this.#tokens)
    this.#tokens = tokens
  }
}
