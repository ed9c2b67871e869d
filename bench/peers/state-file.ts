/**
 * The file in which node-llama-cpp keeps the state of a sequence, made deeper by repetition: a prefill of 32K tokens takes it half an
 * hour, a file of as many cells a second. Keys keep the rotation of the positions that they were computed at: good for timing only.
 *
 *   u32 magic, version, tokens; i32 token ids [tokens]
 *   u32 streams (1), cells; cell [cells]: i32 position, u32 sequences (1), i32 sequence
 *   u32 values transposed?, layers
 *   keys of every layer:            i32 type, u64 bytes of a row; rows [cells]
 *   values of every layer, either:  the same (flash attention)
 *                          or:      i32 type, u32 bytes of an element, u32 columns; elements [columns, cells]
 *
 * Little-endian, no checksum, nothing behind the last layer. Every field is checked here, the sizes once more by the peer when it loads.
 */
import * as fs from 'node:fs'

/** The node-llama-cpp of which the format is known. */
export const stateFileVersion = '3.22.1'

const magic = 0x67677371 // "ggsq"
const version = 3

/** Writes the state of `depth` tokens to `target`: the cells of `source` over and over, positions counting on. */
export function repeatState(source: string, target: string, depth: number): void {
  const output = fs.openSync(target, 'w')
  try {
    for (const piece of repeated(new Input(fs.readFileSync(source)), depth))
      for (let at = 0; at < piece.length; ) at += fs.writeSync(output, piece, at)
  } finally {
    fs.closeSync(output)
  }
}

function* repeated(input: Input, depth: number): Generator<Buffer> {
  input.expect(magic, 'magic')
  input.expect(version, 'version')
  const tokens = input.u32()
  if (tokens === 0 || depth < tokens) throw new Error(`a state of ${tokens} tokens cannot be repeated to ${depth}`)
  const ids = input.take(4 * tokens)
  input.expect(1, 'streams')
  input.expect(tokens, 'cells')
  for (let i = 0; i < tokens; i++) {
    input.expect(i, 'position')
    input.expect(1, 'sequences of a cell')
    input.expect(0, 'sequence')
  }
  const [transposed, layers] = [input.u32(), input.u32()]
  if (transposed > 1) throw new Error(`state file: values transposed is ${transposed}, not 0 or 1`)

  yield words([magic, version, depth])
  yield tiled(ids, 4 * depth)
  yield words([1, depth])
  yield words(Array.from({ length: depth }, (_, i) => [i, 1, 0]).flat())
  yield words([transposed, layers])
  for (const side of ['keys', 'values'])
    for (let layer = 0; layer < layers; layer++) {
      const head = input.take(12)
      yield head
      const byColumn = side === 'values' && transposed === 1
      const cell = byColumn ? head.readUInt32LE(4) : Number(head.readBigUInt64LE(4))
      for (let column = 0; column < (byColumn ? head.readUInt32LE(8) : 1); column++) yield tiled(input.take(cell * tokens), cell * depth)
    }
  input.end()
}

class Input {
  #at = 0
  constructor(readonly bytes: Buffer) {}

  take(count: number): Buffer {
    if (!(count <= this.bytes.length - this.#at))
      throw new Error(`state file: ${count} bytes wanted at ${this.#at} of ${this.bytes.length}`)
    this.#at += count
    return this.bytes.subarray(this.#at - count, this.#at)
  }

  u32(): number {
    return this.take(4).readUInt32LE()
  }

  expect(value: number, what: string): void {
    const found = this.u32()
    if (found !== value) throw new Error(`state file: ${what} is ${found}, not ${value}`)
  }

  end(): void {
    if (this.#at !== this.bytes.length) throw new Error(`state file: ${this.bytes.length - this.#at} bytes too many`)
  }
}

const words = (values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)

/** The bytes over and over, the last time perhaps cut. */
const tiled = (bytes: Buffer, length: number): Buffer => Buffer.alloc(length, bytes)
