/** The addon's callbacks as promises, for tests that go below the public API. */

import { nativeSettings, readAskOptions } from '../../lib/options/ask'
import { native } from '../../lib/runtime/addon/load'
import type { GenerateRequest, GgufContents, NativeModel, NativeSequence, NativeStats } from '../../lib/runtime/binding'

export const binding = native()

export function readGguf(path: string): Promise<GgufContents> {
  return new Promise((resolve, reject) => binding.readGguf(path, (error, result) => (error ? reject(error) : resolve(result!))))
}

export function loadModel(path: string, { threads = 2, isa = '', draftCopy = false, weightsCache = '' } = {}): Promise<NativeModel> {
  return new Promise((resolve, reject) =>
    binding.loadModel(
      path,
      { threads, isa, draftCopy, weightsCache },
      () => {},
      (error, model) => (error ? reject(error) : resolve(model!)),
    ),
  )
}

export function prefill(sequence: NativeSequence, tokens: readonly number[] | Int32Array): Promise<void> {
  return new Promise((resolve, reject) =>
    binding.prefill(
      sequence,
      Int32Array.from(tokens),
      () => {},
      (error) => (error ? reject(error) : resolve()),
    ),
  )
}

/** Logits of the last `rows` of `tokens`, one array a row. */
export function evaluate(sequence: NativeSequence, tokens: readonly number[] | Int32Array, rows = tokens.length): Promise<Float32Array[]> {
  return new Promise((resolve, reject) =>
    binding.evaluate(sequence, Int32Array.from(tokens), rows, (error, logits) => {
      if (error) return reject(error)
      const vocab = logits!.length / rows
      resolve(Array.from({ length: rows }, (_, r) => logits!.subarray(r * vocab, (r + 1) * vocab)))
    }),
  )
}

export interface Generated {
  tokens: number[]
  stats: NativeStats
}

/** A greedy request with the defaults of ask(), of which the tests change what they are about. */
export const greedyDefaults: GenerateRequest = {
  ...nativeSettings(readAskOptions({ mode: 'plain', draftLength: 4, maxTokens: 32 }, 1)),
  target: null,
  targetPending: new Int32Array(),
  draftModel: null,
  draftPending: new Int32Array(),
  selfDrafter: null,
  maxDraftLength: binding.constants.maxDraftLength,
  repetitionWindow: 64,
  stopTokens: new Int32Array(),
  validTokens: 0,
  ngramSource: new Int32Array(),
}

export function generate(request: Partial<GenerateRequest>): Promise<Generated> {
  const tokens: number[] = []
  return new Promise((resolve, reject) =>
    binding.generate(
      { ...greedyDefaults, ...request },
      (more) => tokens.push(...more),
      (error, stats) => (error ? reject(error) : resolve({ tokens, stats: stats! })),
    ),
  )
}

export const argmax = (row: Float32Array): number => row.reduce((best, x, i) => (x > row[best]! ? i : best), 0)

/** Small deterministic generator of token ids. */
export function randomTokens(count: number, vocab: number, seed = 1): number[] {
  let state = seed >>> 0
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * vocab)
  })
}
