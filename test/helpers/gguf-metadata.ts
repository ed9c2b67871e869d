import * as fs from 'node:fs'
import type { GgufValue } from '../../lib/runtime/binding'

/** Reads the key-value section of a well-formed GGUF v2/v3 file. For tests alone: it trusts the file. */
export function readGgufMetadata(path: string): Record<string, GgufValue> {
  return new Reader(fs.readFileSync(path)).metadata()
}

class Reader {
  #at = 0
  constructor(readonly bytes: Buffer) {}

  metadata(): Record<string, GgufValue> {
    if (this.bytes.toString('latin1', 0, 4) !== 'GGUF') throw new Error('not a GGUF file')
    this.#at = 4 + 4 + 8 // magic, version, tensor count
    const entries = this.#count()
    const metadata: Record<string, GgufValue> = {}
    for (let i = 0; i < entries; i++) {
      const key = this.#string()
      metadata[key] = this.#value(this.#u32())
    }
    return metadata
  }

  #value(type: number): GgufValue {
    switch (type) {
      case 0:
        return this.bytes.readUInt8(this.#skip(1))
      case 1:
        return this.bytes.readInt8(this.#skip(1))
      case 2:
        return this.bytes.readUInt16LE(this.#skip(2))
      case 3:
        return this.bytes.readInt16LE(this.#skip(2))
      case 4:
        return this.#u32()
      case 5:
        return this.bytes.readInt32LE(this.#skip(4))
      case 6:
        return this.bytes.readFloatLE(this.#skip(4))
      case 7:
        return this.bytes.readUInt8(this.#skip(1)) !== 0
      case 8:
        return this.#string()
      case 9: {
        const element = this.#u32()
        return Array.from({ length: this.#count() }, () => this.#value(element))
      }
      case 10:
        return this.#count()
      case 11:
        return Number(this.bytes.readBigInt64LE(this.#skip(8)))
      case 12:
        return this.bytes.readDoubleLE(this.#skip(8))
      default:
        throw new Error(`unknown GGUF value type ${type}`)
    }
  }

  #string(): string {
    const length = this.#count()
    const start = this.#skip(length)
    return this.bytes.toString('utf8', start, start + length)
  }

  #u32(): number {
    return this.bytes.readUInt32LE(this.#skip(4))
  }

  #count(): number {
    return Number(this.bytes.readBigUInt64LE(this.#skip(8)))
  }

  #skip(bytes: number): number {
    this.#at += bytes
    return this.#at - bytes
  }
}
