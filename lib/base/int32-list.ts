/** A growing Int32Array. */
export class Int32List {
  #values = new Int32Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#values.length) this.#grow(this.#length + 1)
    this.#values[this.#length++] = value
  }

  pushAll(values: Int32Array): void {
    if (this.#length + values.length > this.#values.length) this.#grow(this.#length + values.length)
    this.#values.set(values, this.#length)
    this.#length += values.length
  }

  /** A copy of what was pushed. */
  toArray(): Int32Array {
    return this.#values.slice(0, this.#length)
  }

  #grow(needed: number): void {
    const values = new Int32Array(Math.max(needed, 2 * this.#values.length))
    values.set(this.#values)
    this.#values = values
  }
}
