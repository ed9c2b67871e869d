/** Element types of GGUF tensors: the file's type id, and the geometry of a block (a row is a whole number of blocks). */
export const tensorTypes = {
  F32: { id: 0, blockElements: 1, blockBytes: 4 },
  F16: { id: 1, blockElements: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockElements: 32, blockBytes: 18 },
  Q5_0: { id: 6, blockElements: 32, blockBytes: 22 },
  Q8_0: { id: 8, blockElements: 32, blockBytes: 34 },
  Q4_K: { id: 12, blockElements: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockElements: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockElements: 256, blockBytes: 210 },
  BF16: { id: 30, blockElements: 1, blockBytes: 2 },
} as const

export type TensorType = keyof typeof tensorTypes

/** Value types of GGUF metadata that the writer knows, with their ids in the file. */
export const metadataTypeIds = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 } as const

export type MetadataNumber = 'u32' | 'i32' | 'f32' | 'u64'

/** One metadata value with the type that it has in the file. Arrays hold one scalar type. */
export type MetadataValue =
  | { readonly type: MetadataNumber; readonly value: number | bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: MetadataNumber; readonly value: readonly (number | bigint)[] }
  | { readonly type: 'array'; readonly of: 'bool'; readonly value: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly value: readonly string[] }

export type Metadata = readonly (readonly [key: string, value: MetadataValue])[]

export const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
export const f32 = (value: number): MetadataValue => ({ type: 'f32', value })
export const bool = (value: boolean): MetadataValue => ({ type: 'bool', value })
export const string = (value: string): MetadataValue => ({ type: 'string', value })
export const i32Array = (value: readonly number[]): MetadataValue => ({ type: 'array', of: 'i32', value })
export const f32Array = (value: readonly number[]): MetadataValue => ({ type: 'array', of: 'f32', value })
export const stringArray = (value: readonly string[]): MetadataValue => ({ type: 'array', of: 'string', value })

/** A tensor to be written. */
export interface TensorSource {
  readonly name: string
  /** GGUF order: the contiguous dimension (columns) first. */
  readonly shape: readonly number[]
  readonly type: TensorType
  /**
   * The tensor's bytes, in pieces of any size. Asked for once, when its turn comes; a piece may be reused once the next one
   * has been asked for, so that a large tensor needs one small buffer.
   */
  readonly data: () => Iterable<Uint8Array>
}

export interface GgufSource {
  readonly metadata: Metadata
  readonly tensors: readonly TensorSource[]
}

/** The memory of a typed array, as tensor data need it (on a little-endian machine). Not a copy. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
