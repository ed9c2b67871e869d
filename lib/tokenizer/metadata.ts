import { RagdraftError } from '../base/errors'
import type { GgufValue } from '../runtime/binding'

/** The key-value section of a GGUF file. */
export type GgufMetadata = Readonly<Record<string, GgufValue>>

const invalid = (message: string): RagdraftError => new RagdraftError('ERR_INVALID_MODEL', message)

/** Own properties only: a key such as "constructor" must not reach Object.prototype. */
function value(metadata: GgufMetadata, key: string): GgufValue | undefined {
  return Object.hasOwn(metadata, key) ? metadata[key] : undefined
}

/** @throws ERR_INVALID_MODEL if the value is not a string. */
export function optionalString(metadata: GgufMetadata, key: string): string | undefined {
  const found = value(metadata, key)
  if (found === undefined || typeof found === 'string') return found
  throw invalid(`The metadata value ${key} is not a string.`)
}

/** @throws ERR_INVALID_MODEL if the value is not a boolean. */
export function optionalBoolean(metadata: GgufMetadata, key: string): boolean | undefined {
  const found = value(metadata, key)
  if (found === undefined || typeof found === 'boolean') return found
  throw invalid(`The metadata value ${key} is not a boolean.`)
}

/** @throws ERR_INVALID_MODEL if the value is absent or not an array of strings. */
export function requiredStrings(metadata: GgufMetadata, key: string): readonly string[] {
  const found = value(metadata, key)
  if (found === undefined) throw invalid(`The metadata lacks ${key}.`)
  if (!Array.isArray(found) || !found.every((item) => typeof item === 'string')) throw invalid(`${key} is not an array of strings.`)
  return found
}

/** @throws ERR_INVALID_MODEL if the value is not an array of `length` finite numbers. */
export function optionalNumbers(metadata: GgufMetadata, key: string, length: number): readonly number[] | undefined {
  const found = value(metadata, key)
  if (found === undefined) return undefined
  if (!Array.isArray(found) || !found.every((item) => Number.isFinite(item))) throw invalid(`${key} is not an array of numbers.`)
  if (found.length !== length) throw invalid(`${key} has ${found.length} entries for ${length} tokens.`)
  return found
}

/**
 * A token id; null if the key is absent or holds -1 ("none", as int32 or uint32).
 * @throws ERR_INVALID_MODEL if it is no id of a vocabulary of `size` tokens.
 */
export function optionalTokenId(metadata: GgufMetadata, key: string, size: number): number | null {
  const found = value(metadata, key)
  if (found === undefined || found === -1 || found === 0xffffffff) return null
  if (typeof found === 'number' && Number.isInteger(found) && found >= 0 && found < size) return found
  throw invalid(`${key} is ${String(found)}: not an id of a vocabulary of ${size} tokens.`)
}
