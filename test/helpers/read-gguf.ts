/** A plain reader of well-formed GGUF v3 files, for tests: it keeps value types, so that what it reads can be written again. */
import { readFileSync } from 'node:fs'
import { type Metadata, type MetadataValue, type TensorType, tensorTypes } from '../../lib/demo/gguf/types'

export interface ReadTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: TensorType
  readonly offset: number // from the start of the file
  readonly bytes: Uint8Array
}

export interface ReadGguf {
  readonly metadata: Metadata
  readonly values: ReadonlyMap<string, unknown>
  readonly tensors: ReadonlyMap<string, ReadTensor>
}

const typeNames = new Map<number, string>([
  [4, 'u32'],
  [5, 'i32'],
  [6, 'f32'],
  [7, 'bool'],
  [8, 'string'],
  [9, 'array'],
  [10, 'u64'],
])

export function readGguf(path: string): ReadGguf {
  const file = readFileSync(path)
  let at = 0
  const skip = (bytes: number): number => {
    at += bytes
    return at - bytes
  }
  const scalars: Record<string, () => unknown> = {
    u32: () => file.readUInt32LE(skip(4)),
    i32: () => file.readInt32LE(skip(4)),
    f32: () => file.readFloatLE(skip(4)),
    u64: () => Number(file.readBigUInt64LE(skip(8))),
    bool: () => file.readUInt8(skip(1)) !== 0,
    string: () => {
      const length = scalars.u64!() as number
      return file.toString('utf8', skip(length), at)
    },
  }
  const number = (type: 'u32' | 'u64'): number => scalars[type]!() as number
  const text = (): string => scalars.string!() as string
  const value = (): MetadataValue => {
    const type = typeNames.get(number('u32'))!
    if (type !== 'array') return { type, value: scalars[type]!() } as MetadataValue
    const of = typeNames.get(number('u32'))!
    return { type, of, value: Array.from({ length: number('u64') }, scalars[of]!) } as MetadataValue
  }

  if (file.toString('latin1', 0, skip(4) + 4) !== 'GGUF' || number('u32') !== 3) throw new Error(`${path} is no GGUF v3 file`)
  const tensorCount = number('u64')
  const metadata = Array.from({ length: number('u64') }, () => [text(), value()] as const)
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text()
    const shape = Array.from({ length: number('u32') }, () => number('u64'))
    const typeId = number('u32')
    const type = (Object.keys(tensorTypes) as TensorType[]).find((key) => tensorTypes[key].id === typeId)!
    return { name, shape, type, offset: number('u64') }
  })
  const start = Math.ceil(at / 32) * 32
  const tensors = infos.map(({ name, shape, type, offset }) => {
    const { blockElements, blockBytes } = tensorTypes[type]
    const bytes = (shape.reduce((a, b) => a * b, 1) / blockElements) * blockBytes
    const from = start + offset
    return [name, { name, shape, type, offset: from, bytes: new Uint8Array(file.subarray(from, from + bytes)) }] as const
  })
  return { metadata, values: new Map(metadata.map(([key, entry]) => [key, entry.value])), tensors: new Map(tensors) }
}
