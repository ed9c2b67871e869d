/** What callers may pass: the option types of the public functions, and their validated, defaulted forms. */
import * as path from 'node:path'
import type { Model } from '../api/model'
import { weightsCacheFolder } from '../runtime/weights-cache'
import {
  abortSignal,
  boolean,
  callback,
  type Field,
  type Fields,
  integer,
  invalid,
  listOf,
  number,
  oneOf,
  optional,
  readOptions,
  text,
} from './check'

/**
 * How far a step has come. `processed` and `total` are bytes of weights ("load"), UTF-16 code units of text ("tokenize", "index")
 * or tokens of the prompt (both prefills). `cached`: tokens of `total` that were in the cache already. `processed` reaches `total`
 * once, at the end of the phase.
 */
export interface Progress {
  readonly phase: 'load' | 'tokenize' | 'index' | 'prefill-target' | 'prefill-drafter'
  readonly processed: number
  readonly total: number
  readonly cached?: number
}

/** Called on the JavaScript thread, in order. What it throws cancels the step and becomes its error. */
export type OnProgress = (progress: Progress) => void

/**
 * How drafts become the answer:
 * - `lossless`: the target's own distribution; greedy answers equal plain decoding token for token;
 * - `exact`: the target's distribution shifted towards the drafter's by `transfer`, sampled exactly;
 * - `paper`: the distribution that the RAPID paper's published accuracy was obtained under;
 * - `plain`: the target alone, no speculation; `rag`: the drafter alone, over the retrieved chunks.
 */
export type Mode = 'plain' | 'rag' | 'lossless' | 'exact' | 'paper'
export const modes = ['plain', 'rag', 'lossless', 'exact', 'paper'] as const satisfies readonly Mode[]

/** `cuda`: the NVIDIA GPU with the most free memory; `cuda:0`, `cuda:1`, ...: that one. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`
/**
 * Number type of keys and values: 2 bytes each for `f16` and `bf16`, 4 for `f32`. `q8`: 1 byte each and one scale per token and
 * KV head, about half the memory of `f16` and half its time to read a long context, at a small loss of precision.
 */
export type KvType = 'f16' | 'bf16' | 'f32' | 'q8'
export const kvTypes = ['f16', 'bf16', 'f32', 'q8'] as const satisfies readonly KvType[]
/** What a user may ask for: `auto` is `model.info.kv`. */
export const kvChoices = ['auto', ...kvTypes] as const

/**
 * How a model that drafts for itself reads its weights: `q4` takes the upper 4 bits of its 8-bit (Q8_0) matrices, about the
 * quality of Q4_0 for half the bytes and no memory of its own, and the 4-bit copies of others that `loadModel()` made for
 * `draftCopy`; `full` all bits; `auto` is `q4` where that saves at least a tenth of the bytes, as for a Q8_0 model, else `full`.
 */
export type DraftWeights = 'auto' | 'full' | 'q4'
export const draftWeightKinds = ['auto', 'full', 'q4'] as const satisfies readonly DraftWeights[]

/** Options of `loadModel()`. */
export interface LoadModelOptions {
  /**
   * Where to compute. "auto" takes a GPU if one works and the model fits into its free memory with 8,192 tokens of context (or the
   * trained context, if that is less), else the CPU, and tells why in `model.info.deviceReason`; "cuda" fails instead. A GPU is first
   * tried in a child process, once: `RAGDRAFT_CUDA=0` in the environment does without GPU and trial. Default "auto".
   */
  readonly device?: Device | undefined
  /** Worker threads, 1 to 256. Default: as many as this process may use. */
  readonly threads?: number | undefined
  /** Forces the instruction set of the CPU kernels, for tests. @internal */
  readonly isa?: string | undefined
  /**
   * Keep a 4-bit copy (Q4_0) of each F16, BF16 and F32 matrix beside it, for drafts: the model drafts for itself from 28 % of the
   * bytes of 16-bit weights, at the price of so much more memory (`model.info.draftCopyBytes`). Changes no `lossless` answer.
   * Refused where it would spare drafts less than a tenth of the bytes: 8-bit models need no copy, smaller ones gain nothing.
   * Default false.
   */
  readonly draftCopy?: boolean | undefined
  /**
   * Keep the weights, packed for this machine, on disk, for the next load: `true` in the user's cache folder (on Linux
   * ~/.cache/ragdraft/weights; `ragdraft cache` lists and clears it), or in a folder of this path. The first load writes a file as
   * large as the model and takes longer by that; further ones map it instead of packing, check it, and processes share its memory.
   * `model.info.weightsCache` tells what came of it; no trouble with the cache makes a load fail. At most 32 GiB are kept of all
   * models together, those used last. Only folders that nobody else can write to are to be trusted. Default false: gigabytes are
   * not to appear on a disk unasked.
   */
  readonly weightsCache?: boolean | string | undefined
  /** Hears of phase `load`. */
  readonly onProgress?: OnProgress | undefined
  /** Cancels the loading; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `model.open()`. */
export interface OpenOptions {
  /**
   * The model that drafts; it must have the vocabulary of this one. Default: this model itself (one copy of the weights). In `lossless`
   * with automatic draft lengths either of the two drafts, whichever is faster, and this one reads its chunks only when that should pay.
   */
  readonly drafter?: Model | undefined
  /** How questions of this document draft without a `drafter`, unless they say otherwise. Default "auto". See `ask()`. */
  readonly draftWeights?: DraftWeights | undefined
  /**
   * Tokens that the document, the question and the answer may have together, 64 up to the model's trained context.
   * Default: what the document needs and 2,048 more, within the trained context. With `retrievalOnly`: tokens that the chunks, the
   * question and the answer may have together; at most, and by default, the drafter's trained context.
   */
  readonly contextTokens?: number | undefined
  /**
   * Number type of the KV caches. "auto" takes `f16` or `bf16`, whichever is faster on this machine: `bf16` where there are
   * instructions for its products (AMX, AVX-512 BF16 of AMD), else `f16`, which has 3 bits more. `doc.kv` tells. Default "auto".
   */
  readonly kv?: 'auto' | KvType | undefined
  /** Most tokens of a chunk that retrieval finds, 16 to 8,192. Default 512. */
  readonly chunkTokens?: number | undefined
  /**
   * Leave the document out of the model's context: only `rag` questions can then be asked (and are the default), but at once and
   * of a document of any length. Default false.
   */
  readonly retrievalOnly?: boolean | undefined
  /** System message. Default: none beyond the prompt's own instruction. */
  readonly system?: string | undefined
  /** Hears of the phases `tokenize`, `index` and `prefill-target`. */
  readonly onProgress?: OnProgress | undefined
  /** Cancels the reading; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** An earlier question of a conversation and the answer it got. */
export interface Turn {
  readonly question: string
  readonly answer: string
}

/** Options of `doc.ask()`. Of the numbers, those that shape the text are alike for target and drafter. */
export interface AskOptions {
  /** Default "lossless"; "rag" for a document that was opened with `retrievalOnly`. */
  readonly mode?: Mode | undefined
  /** Eta: how far `exact` and `paper` move towards the drafter, 0 to 1,000. Default 10. */
  readonly transfer?: number | undefined
  /** Alpha: only tokens whose drafter probability is at least this share of the largest are moved, 0 to 1. Default 0.1. */
  readonly plausibility?: number | undefined
  /** Temperature of the two distributions in a greedy transfer, above 0, at most 100. Default 1. */
  readonly transferTemperature?: number | undefined
  /** Tokens drafted per round, 0 to 16, or "auto": from measured costs and acceptance, 0 where drafting does not pay. Default "auto". */
  readonly draftLength?: number | 'auto' | undefined
  /**
   * Weights of the self-drafter. Default: what the document was opened with. "q4" is refused for a model without 8-bit matrices
   * and without `draftCopy`, and with a `drafter`, which is always read in full. No effect in the modes `plain` and `rag`, which draft nothing. In `exact` and
   * `paper` the drafter shapes the answer: there "auto" means "full", and "q4" must be asked for.
   */
  readonly draftWeights?: DraftWeights | undefined
  /**
   * Propose what followed the last tokens where they occurred before, in the retrieved chunks or the answer, and let the drafter (or
   * in `lossless` the target) check it in one pass. Makes quotes fast; changes no law, and no text where the draft length is fixed.
   * Default true.
   */
  readonly ngram?: boolean | undefined
  /**
   * A round stops drafting below this drafter probability, 0 to 1. Default 0: never. On a GPU rounds
   * go on without the host only at 0: else each draft is waited for.
   */
  readonly confidence?: number | undefined
  /** 0 to 100; 0 = always the likeliest token. Default 0. */
  readonly temperature?: number | undefined
  /** Keep the K likeliest tokens; 0 = all. Default 0. */
  readonly topK?: number | undefined
  /** Keep the likeliest tokens up to this probability mass, above 0, at most 1. Default 1. */
  readonly topP?: number | undefined
  /** Drop tokens below this share of the likeliest one's probability, 0 to below 1. Default 0. */
  readonly minP?: number | undefined
  /**
   * Weakens the answer's last 64 tokens, above 0, at most 100; 1 = off. Default 1. Divides positive logits, multiplies negative ones:
   * below 1 it strengthens them.
   */
  readonly repetitionPenalty?: number | undefined
  /** Strings that end the answer and are not part of it, at most 16. Default none. */
  readonly stop?: string | readonly string[] | undefined
  /**
   * Of the random numbers (temperature above 0), 0 to 2^64 - 1. Default 0. Equal seeds give equal answers, but in `lossless` and `paper`
   * only with a `draftLength` that is a number: "auto" follows measured times, and the same law then gives another text.
   */
  readonly seed?: number | bigint | undefined
  /** Tokens of the answer at most, 1 to 2^31 - 1. Default 256. */
  readonly maxTokens?: number | undefined
  /** Most chunks for the drafter, 1 to 2^31 - 1. Default: a budget of about 4,096 tokens, or 1/24 of the document where that is more. */
  readonly maxChunks?: number | undefined
  /** The drafter's chunks by index into `doc.chunks`, at least one, instead of retrieval. */
  readonly chunks?: readonly number[] | undefined
  /** Earlier turns of the conversation, oldest first. Default none. */
  readonly history?: readonly Turn[] | undefined
  /** Hears of the phases `prefill-target` and `prefill-drafter`, side by side. */
  readonly onProgress?: OnProgress | undefined
  /** Cancels the answer; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

const count = 2 ** 31 - 1 // the native side counts tokens in int32

const draftLength: Field<number | 'auto'> = (value, name) => {
  if (value === 'auto') return value
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 16) return value
  throw invalid(name, 'an integer from 0 to 16 or "auto"', value)
}

const seed: Field<bigint> = (value, name) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) return value
  throw invalid(name, 'a safe integer of at least 0 or a bigint below 2^64', value)
}

const stopStrings: Field<readonly string[]> = (value, name) => listOf(text(1), 16)(typeof value === 'string' ? [value] : value, name)

const ragMode: Field<Mode> = (value, name) => {
  if (value === 'rag') return value
  throw invalid(name, '"rag" for a document that was opened with retrievalOnly', value)
}

const turn: Field<Turn> = (value, name) => {
  if (typeof value !== 'object' || value === null) throw invalid(name, '{ question, answer }', value)
  const { question, answer } = value as Record<string, unknown>
  return { question: text()(question, `${name}.question`), answer: text()(answer, `${name}.answer`) }
}

const cacheFolder: Field<string> = (value, name) => {
  if (typeof value === 'boolean') return value ? weightsCacheFolder() : ''
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return path.resolve(value)
  throw invalid(name, 'true, false or the path of a folder', value)
}

const device: Field<Device> = (value, name) => {
  if (typeof value === 'string' && /^(auto|cpu|cuda|cuda:\d{1,3})$/.test(value)) return value as Device
  throw invalid(name, '"auto", "cpu", "cuda" or "cuda:N"', value)
}

const onProgress = optional(callback<OnProgress>(), undefined)
const signal = optional(abortSignal, undefined)

export interface LoadSettings {
  device: Device
  threads: number // 0 = as many as this process may use
  isa: string // '' = best
  draftCopy: boolean
  weightsCache: string // a folder; '' = none
  onProgress: OnProgress | undefined
  signal: AbortSignal | undefined
}

const loadFields: Fields<LoadSettings> = {
  device: optional(device, 'auto'),
  threads: optional(integer(1, 256), 0),
  isa: optional(text(1), ''),
  draftCopy: optional(boolean, false),
  weightsCache: optional(cacheFolder, ''),
  onProgress,
  signal,
}

export function readLoadOptions(given: unknown): LoadSettings {
  return readOptions('loadModel()', given, loadFields)
}

export interface OpenSettings {
  drafter: unknown // the session checks that it is a model: options know no classes
  draftWeights: DraftWeights
  contextTokens: number | undefined
  kv: 'auto' | KvType
  chunkTokens: number
  retrievalOnly: boolean
  system: string | undefined
  onProgress: OnProgress | undefined
  signal: AbortSignal | undefined
}

/** @param trainedContext bound of contextTokens */
export function readOpenOptions(given: unknown, trainedContext: number): OpenSettings {
  return readOptions<OpenSettings>('open()', given, {
    drafter: (value) => value,
    draftWeights: optional(oneOf(draftWeightKinds), 'auto'),
    contextTokens: optional(integer(Math.min(64, trainedContext), trainedContext), undefined),
    kv: optional(oneOf(kvChoices), 'auto'),
    chunkTokens: optional(integer(16, 8192), 512),
    retrievalOnly: optional(boolean, false),
    system: optional(text(), undefined),
    onProgress,
    signal,
  })
}

export interface AskSettings {
  mode: Mode
  transfer: number
  plausibility: number
  transferTemperature: number
  draftLength: number | 'auto'
  draftWeights: DraftWeights | undefined // undefined: as the document was opened
  ngram: boolean
  confidence: number
  temperature: number
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  stop: readonly string[]
  seed: bigint
  maxTokens: number
  maxChunks: number | undefined
  chunks: readonly number[] | undefined
  history: readonly Turn[]
  onProgress: OnProgress | undefined
  signal: AbortSignal | undefined
}

/**
 * @param chunkCount chunks of the document, the bound of the indices in `chunks`
 * @param retrievalOnly the document is not in the model's context: only `rag` is possible
 */
export function readAskOptions(given: unknown, chunkCount: number, retrievalOnly = false): AskSettings {
  return readOptions<AskSettings>('ask()', given, {
    mode: retrievalOnly ? optional(ragMode, 'rag') : optional(oneOf(modes), 'lossless'),
    transfer: optional(number(0, 1000), 10),
    plausibility: optional(number(0, 1), 0.1),
    transferTemperature: optional(number(0, 100, 'min'), 1),
    draftLength: optional(draftLength, 'auto'),
    draftWeights: optional(oneOf(draftWeightKinds), undefined),
    ngram: optional(boolean, true),
    confidence: optional(number(0, 1), 0),
    temperature: optional(number(0, 100), 0),
    topK: optional(integer(0, count), 0),
    topP: optional(number(0, 1, 'min'), 1),
    minP: optional(number(0, 1, 'max'), 0),
    repetitionPenalty: optional(number(0, 100, 'min'), 1),
    stop: optional(stopStrings, []),
    seed: optional(seed, 0n),
    maxTokens: optional(integer(1, count), 256),
    maxChunks: optional(integer(1, count), undefined),
    chunks: optional(listOf(integer(0, chunkCount - 1), chunkCount, 1), undefined),
    history: optional(listOf(turn, 10_000), []),
    onProgress,
    signal,
  })
}

/** @throws ERR_INVALID_ARGUMENT unless `question` holds more than white space */
export function readQuestion(question: unknown): string {
  if (typeof question === 'string' && question.trim() !== '') return question
  throw invalid('the question', 'a non-empty string', question)
}
