import { readFileSync } from 'node:fs'

import path = require('node:path')

import { RagdraftError } from '../base/errors'
import { ownPackage } from '../runtime/package-root'

/** A byte-level BPE vocabulary as GGUF metadata describe it. */
export interface Vocabulary {
  readonly tokens: readonly string[]
  /** tokenizer.ggml.token_type: 1 normal, 3 control, 5 unused. */
  readonly types: readonly number[]
  readonly merges: readonly string[]
  readonly bos: number
  readonly eos: number
  /** Tokens [0, real) can come out of a text; the first 256 are the single bytes. */
  readonly real: number
}

/**
 * The merges of the demo's tokenizer, best first: "left right" in GPT-2's byte alphabet.
 * @throws ERR_NATIVE_LOAD in a bundle without the package
 */
export function demoMerges(): string[] {
  ownPackage()
  return readFileSync(path.join(__dirname, '..', '..', 'assets', 'demo', 'merges.txt'), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#version'))
}

/** GPT-2's printable stand-ins for bytes, in the order of their token ids: printable bytes stand for themselves, others follow. */
export function byteTokens(): string[] {
  const printable: number[] = []
  for (const [first, last] of [
    [0x21, 0x7e],
    [0xa1, 0xac],
    [0xae, 0xff],
  ] as const) {
    for (let byte = first; byte <= last; byte++) printable.push(byte)
  }
  return Array.from({ length: 256 }, (_, i) => String.fromCharCode(printable[i] ?? 256 + i - printable.length))
}

/**
 * The vocabulary of `size` tokens that these merges give: bytes, merged tokens, padding where the merges do not suffice, BOS, EOS.
 * @throws ERR_INVALID_ARGUMENT if size has no room for the 256 bytes, BOS and EOS.
 */
export function makeVocabulary(mergeLines: readonly string[], size: number): Vocabulary {
  if (!Number.isInteger(size) || size < 258)
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `a vocabulary needs 258 tokens or more, not ${size}`)
  const tokens = byteTokens()
  const known = new Set(tokens)
  const merges: string[] = []
  for (const line of mergeLines) {
    const joined = line.replace(' ', '')
    // Two merges may give the same token; it gets one id.
    if (!known.has(joined)) {
      if (tokens.length === size - 2) break
      known.add(joined)
      tokens.push(joined)
    }
    merges.push(line)
  }
  const real = tokens.length
  const types = tokens.map(() => 1)
  while (tokens.length < size - 2) {
    tokens.push(`<|unused_${tokens.length}|>`)
    types.push(5)
  }
  tokens.push('<|begin_of_text|>', '<|end_of_text|>')
  types.push(3, 3)
  return { tokens, types, merges, bos: size - 2, eos: size - 1, real }
}
