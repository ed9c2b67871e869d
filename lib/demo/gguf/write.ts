import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { endianness } from 'node:os'
import { RagdraftError } from '../../base/errors'
import { type GgufSource, type MetadataNumber, type MetadataValue, metadataTypeIds, type TensorSource, tensorTypes } from './types'

const magic = 0x46554747 // "GGUF", little-endian
const version = 3
const alignment = 32 // of every tensor's offset; GGUF's default, so it needs no metadata key

export interface WriteOptions {
  /** Flush to the disk before the file gets its name, so that not even a power cut leaves a broken file. Default false. */
  readonly flush?: boolean
}

/**
 * Writes a GGUF v3 file. It gets its name only when it is complete: until then it lies beside it under a temporary name, which a
 * failure removes. An existing file is replaced.
 * @returns the file's size in bytes.
 * @throws ERR_INVALID_ARGUMENT for shapes, values or data that do not fit their types; ERR_FILE_WRITE if the disk refuses.
 */
export async function writeGguf(path: string, source: GgufSource, options: WriteOptions = {}): Promise<number> {
  // Tensor data are the memory of typed arrays.
  if (endianness() !== 'LE') throw new RagdraftError('ERR_INTERNAL', 'GGUF files can be written on little-endian machines only')
  const head = header(source)
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  let file: FileHandle | undefined
  try {
    file = await guard(path, open(temporary, 'wx'))
    let size = await append(file, path, head)
    if (source.tensors.length > 0) size += await append(file, path, padding(size))
    for (const tensor of source.tensors) {
      const expected = tensorBytes(tensor)
      let written = 0
      for (const piece of tensor.data()) {
        written += piece.length
        if (written > expected) break
        await append(file, path, piece)
      }
      if (written !== expected)
        throw invalid(`tensor "${tensor.name}" must have ${expected} bytes, its data have ${written > expected ? 'more' : written}`)
      size += written + (await append(file, path, padding(written)))
    }
    if (options.flush) await guard(path, file.sync())
    await guard(path, file.close())
    await guard(path, rename(temporary, path))
    return size
  } catch (error) {
    if (file) {
      await file.close().catch(() => {}) // it may be closed already; the first failure is the one to report
      await unlink(temporary).catch(() => {})
    }
    throw error
  }
}

/** Bytes of a tensor's data in the file, without padding. @throws ERR_INVALID_ARGUMENT for an impossible shape. */
export function tensorBytes({ name, shape, type }: Pick<TensorSource, 'name' | 'shape' | 'type'>): number {
  const { blockElements, blockBytes } = tensorTypes[type]
  if (shape.length < 1 || shape.length > 4 || !shape.every((n) => Number.isSafeInteger(n) && n >= 1)) {
    throw invalid(`tensor "${name}" must have 1 to 4 dimensions of at least 1, not [${shape.join(', ')}]`)
  }
  if (shape[0]! % blockElements) {
    throw invalid(`tensor "${name}": rows of ${shape[0]} are no whole number of ${type} blocks (${blockElements} elements)`)
  }
  const bytes = (shape.reduce((product, n) => product * n, 1) / blockElements) * blockBytes
  if (!Number.isSafeInteger(bytes)) throw invalid(`tensor "${name}" is too large`)
  return bytes
}

const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment
const padding = (bytes: number): Uint8Array => new Uint8Array(padded(bytes) - bytes)
const invalid = (message: string): RagdraftError => new RagdraftError('ERR_INVALID_ARGUMENT', message)

function header({ metadata, tensors }: GgufSource): Uint8Array {
  rejectRepeats(
    'metadata key',
    metadata.map(([key]) => key),
  )
  rejectRepeats(
    'tensor',
    tensors.map(({ name }) => name),
  )
  const out = new Fields()
  out.number('u32', magic)
  out.number('u32', version)
  out.number('u64', tensors.length)
  out.number('u64', metadata.length)
  for (const [key, value] of metadata) {
    out.string(key)
    out.value(key, value)
  }
  let offset = 0
  for (const tensor of tensors) {
    out.string(tensor.name)
    out.number('u32', tensor.shape.length)
    for (const n of tensor.shape) out.number('u64', n)
    out.number('u32', tensorTypes[tensor.type].id)
    out.number('u64', offset)
    offset += padded(tensorBytes(tensor))
  }
  return out.bytes()
}

function rejectRepeats(what: string, names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) throw invalid(`${what} "${name}" appears twice`)
    seen.add(name)
  }
}

/** Little-endian fields in a growing buffer. */
class Fields {
  #buffer = Buffer.alloc(1 << 16)
  #length = 0

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  value(key: string, entry: MetadataValue): void {
    this.number('u32', metadataTypeIds[entry.type])
    const of = entry.type === 'array' ? entry.of : entry.type
    try {
      if (entry.type === 'array') {
        this.number('u32', metadataTypeIds[entry.of])
        this.number('u64', entry.value.length)
      }
      for (const item of entry.type === 'array' ? entry.value : [entry.value]) this.#scalar(of, item)
    } catch (cause) {
      throw new RagdraftError('ERR_INVALID_ARGUMENT', `metadata "${key}" has a value that is no ${of}`, { cause })
    }
  }

  string(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.number('u64', bytes)
    this.#claim(bytes, (buffer, at) => buffer.write(text, at, 'utf8'))
  }

  number(type: MetadataNumber, value: number | bigint): void {
    const x = Number(value)
    if (type !== 'f32' && !Number.isInteger(x)) throw new RangeError(`${value} is no integer`)
    this.#claim(type === 'u64' ? 8 : 4, (buffer, at) => {
      if (type === 'u64') buffer.writeBigUInt64LE(BigInt(value), at)
      else if (type === 'u32') buffer.writeUInt32LE(x, at)
      else if (type === 'i32') buffer.writeInt32LE(x, at)
      else buffer.writeFloatLE(x, at)
    })
  }

  #scalar(type: MetadataNumber | 'bool' | 'string', value: number | bigint | boolean | string): void {
    if (type === 'string') this.string(value as string)
    else if (type === 'bool') this.#claim(1, (buffer, at) => buffer.writeUInt8(value ? 1 : 0, at))
    else this.number(type, value as number | bigint)
  }

  /** Makes room for `bytes` more, then has them written: growing replaces the buffer. */
  #claim(bytes: number, write: (buffer: Buffer, at: number) => void): void {
    const at = this.#length
    this.#length += bytes
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(2 * this.#buffer.length, this.#length))
      this.#buffer.copy(larger)
      this.#buffer = larger
    }
    write(this.#buffer, at)
  }
}

async function append(file: FileHandle, path: string, bytes: Uint8Array): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    done += (await guard(path, file.write(bytes, done, bytes.length - done))).bytesWritten
  }
  return bytes.length
}

async function guard<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw new RagdraftError('ERR_FILE_WRITE', `cannot write ${path}: ${(cause as Error).message}`, { cause })
  }
}
