/**
 * The addon's whole surface: the only typing of the native side. Internal.
 *
 * Every function checks type, tag and range again; a violation throws an Error whose `code` is one of ErrorCode.
 * Functions with `onDone` return at once with `cancel()`; callbacks run on the JavaScript thread that made the call, onDone
 * last and once. After `cancel()` onDone still comes, with an error of code 'ERR_ABORTED' unless the work had ended before.
 * A cancelled generate hands over its stats so far beside that error: a stop string ends an answer this way.
 */

import type { NativeSettings } from '../options/ask'

/** A GGUF metadata value: integers and floats as number, arrays as arrays. */
export type GgufValue = number | boolean | string | readonly GgufValue[]

export interface GgufTensor {
  readonly name: string
  readonly shape: readonly number[] // GGUF order: contiguous dimension first
  readonly type: string // "Q4_K", "F32", ... or "type 23" where we have no name
  readonly bytes: number
}

export interface GgufContents {
  readonly version: number
  readonly fileBytes: number
  readonly metadata: Readonly<Record<string, GgufValue>>
  readonly tensors: readonly GgufTensor[]
}

/** A GPU as the probe found it. */
export interface CudaDevice {
  readonly index: number
  readonly name: string // "NVIDIA H200"
  readonly capability: string // "9.0"
  readonly totalBytes: number
  readonly freeBytes: number // when it was probed
  readonly problem: string // why it cannot be used; '' if it can
}

export interface CudaReport {
  readonly devices: readonly CudaDevice[]
  readonly reason: string // why there are none
  readonly module?: string // the CUDA module that they were tried with
}

/** The configuration as the forward pass uses it. */
export interface NativeModelInfo {
  readonly architecture: string
  readonly layers: number
  readonly embedding: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly feedForward: number
  readonly vocab: number // rows of the output matrix
  readonly contextLength: number // trained context, RoPE scaling included
  readonly weightBytes: number // but for draft copies
  readonly draftWeightBytes: number // what passes of precision 'draft' read; = weightBytes where there is nothing cheaper
  readonly draftCopyBytes: number // memory of draft copies; 0 without
  readonly backend: string // "cpu/avx512", "cuda/sm_90"
  readonly gpu?: { readonly index: number; readonly name: string; readonly totalBytes: number } | undefined // where it computes, if on one
  readonly threads: number
  readonly kv: 'f16' | 'bf16' // the faster of the two here
  readonly weightsCache: {
    readonly state: WeightsCacheState
    readonly path: string // of the file; '' where there is none
    readonly reason: string // why a file was not used or not written; else ''
  }
}

/**
 * What became of `loadModel({ weightsCache })`: `off`, not asked for; `used`, the weights come from the cache; `stored`, they were
 * packed and written; `unavailable`, they were packed and could not be written.
 */
export type WeightsCacheState = 'off' | 'used' | 'stored' | 'unavailable'

export interface NativeModel {
  readonly info: NativeModelInfo
  /**
   * A KV cache sequence. precision: of all passes over it and its forks, default 'full'; 'draft' reads the upper 4 bits of 8-bit
   * weights, draft copies, and others in full. Throws ERR_OUT_OF_MEMORY, ERR_INVALID_ARGUMENT.
   */
  createSequence(options: {
    contextTokens: number
    kv: 'f16' | 'bf16' | 'f32' | 'q8'
    precision?: 'full' | 'draft' | undefined
  }): NativeSequence
  /** Drops the weights once no sequence or request uses them. Idempotent. */
  close(): void
  readonly closed: boolean
}

export interface NativeSequence {
  readonly length: number // tokens in the cache
  readonly contextTokens: number
  readonly kvBytes: number // memory of the pages that it references (shared pages counted in full)
  /** Copy-on-write copy; shares pages. Throws ERR_BUSY while a request uses this sequence. */
  fork(): NativeSequence
  truncate(length: number): void
  /**
   * For benchmarks at long contexts: appends copies of the cache, a whole number of pages (64 tokens), up to `length` tokens.
   * Throws ERR_CONTEXT_OVERFLOW, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY.
   */
  repeat(length: number): void
  /** 64-bit hash (hex) of keys and values of positions [0, length) of all layers: equal caches, equal fingerprints. */
  fingerprint(): string
  close(): void
  readonly closed: boolean
}

/** What the draft policy holds to be true at the end of an answer. Costs are 0 where nothing was measured. */
export interface NativeEstimates {
  readonly draftStepMs: number
  readonly verifyMs: number[] // [i]: of a pass of the target over i + 1 rows, 17 entries
  readonly acceptance: number // of a drafted token, if those before it stood
  readonly ngramAcceptance: number // of an n-gram's token before the target, used or not; 0 before any
}

/** What one drafter did in an answer, and what the draft policy holds of it at the end. */
export interface NativeDrafterStats {
  readonly rounds: number // that it drafted, token by token or as the judge of n-grams
  readonly drafted: number
  readonly accepted: number
  readonly stepMs: number // 0 before it was measured
  readonly acceptance: number
}

export interface NativeStats {
  readonly rounds: number
  readonly drafted: number
  readonly accepted: number
  readonly decodeTokens: number
  readonly draftedByPosition: number[]
  readonly acceptedByPosition: number[]
  readonly roundsOff: number
  readonly roundsModel: number
  readonly roundsCascade: number
  readonly roundsNgram: number
  readonly roundsOnDevice: number // of all: passes and judgement on the device, which the host waited for once
  readonly ngramProposed: number
  readonly ngramAccepted: number
  readonly draftMs: number
  readonly verifyMs: number
  readonly draftModel: NativeDrafterStats | null // null where the request has none
  readonly selfDrafter: NativeDrafterStats | null
  readonly readTokens: number // that the draft model read while the answer was under way
  readonly readMs: number
  readonly estimates: NativeEstimates
  readonly finish: 'stop' | 'length' | 'context' | 'none' // none: cancelled
}

/** The target's model as its own drafter, in the target's cache: it needs no prompt and never has to catch up. */
export interface SelfDrafter {
  readonly precision: 'full' | 'draft'
  /** Pairs of a first and an end position before `tail` that it reads, in any order; rounded out to whole pages of 64 tokens. */
  readonly ranges: Int32Array
  /** From this position on, at most the length of the cache, it reads everything; rounded down to a whole page. */
  readonly tail: number
}

/** The settings of a question, and what it is asked of. A `draftLength` of -1 is automatic. */
export interface GenerateRequest extends NativeSettings {
  readonly target: NativeSequence | null
  readonly targetPending: Int32Array // tokens of the prompt that are not in the cache yet, >= 1
  readonly draftModel: NativeSequence | null // a sequence with a prompt of its own, of another model or the same
  readonly draftPending: Int32Array // of that prompt; in lossless with an automatic length it is read only when that should pay
  readonly selfDrafter: SelfDrafter | null // in lossless alone; with a draft model where the length is automatic
  readonly maxDraftLength: number
  readonly repetitionWindow: number
  readonly stopTokens: Int32Array
  readonly validTokens: number
  readonly ngramSource: Int32Array // what comes before the answer and may be quoted: all that the drafter reads
}

export type Done<T> = (error: (Error & { code: string }) | null, result: T | undefined) => void
export type Cancel = () => void

/** Bounds of the native side. */
export interface NativeConstants {
  readonly pageTokens: number // tokens of a KV page, which is shared, selected and read as a whole
  readonly maxDraftLength: number // tokens drafted per round at most
  readonly maxEvaluatedRows: number // rows that evaluate() returns at most
  readonly prefillTokens: number // tokens of one pass of a prefill
}

export interface Binding {
  readonly constants: NativeConstants
  /** Instruction sets of the CPU kernels usable here, best first. */
  readonly isas: readonly string[]
  /** Keeps a text for all environments (Workers) of the process, and returns what is kept; '' at first. */
  shareCudaReport(report?: string): string
  /** Metadata and tensor list without the weights. Off the JavaScript thread. */
  readGguf(path: string, onDone: Done<GgufContents>): Cancel
  /**
   * Loads and packs the weights. threads 0 = as many as this process may use; isa '' = best; draftCopy: keep 4 bits of each 16- and
   * 32-bit weight beside it, ERR_INVALID_ARGUMENT where there are too few; weightsCache: folder that keeps packed weights, '' = none.
   * gpu: the CUDA device to compute on instead, and the path of the CUDA module; ERR_DEVICE_UNAVAILABLE if one is not there.
   */
  loadModel(
    path: string,
    options: {
      threads: number
      isa: string
      draftCopy: boolean
      weightsCache?: string | undefined
      gpu?: { readonly index: number; readonly module: string } | undefined
    },
    onProgress: (bytes: number, total: number) => void,
    onDone: Done<NativeModel>,
  ): Cancel
  /** Appends tokens to a sequence in chunks; cancel keeps what whole chunks wrote. onProgress: tokens of this call so far. */
  prefill(sequence: NativeSequence, tokens: Int32Array, onProgress: (tokens: number) => void, onDone: Done<undefined>): Cancel
  /**
   * The answer, committed tokens as they come. Both sequences keep prompt + answer but for the last token; in lossless with an automatic
   * length the draft model's may lack more.
   */
  generate(request: GenerateRequest, onTokens: (tokens: Int32Array) => void, onDone: Done<NativeStats>): Cancel
  /** For tests and benchmarks: appends tokens in one pass and returns the logits of the last `rows` (0 to `constants.maxEvaluatedRows`) of them, [rows, vocab]. */
  evaluate(sequence: NativeSequence, tokens: Int32Array, rows: number, onDone: Done<Float32Array>): Cancel
}
