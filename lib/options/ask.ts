import { boolean, field, integer, invalid, listOf, number, oneOf, orAuto, text } from './fields'
import { draftWeightsField } from './open'
import { onProgress, signal } from './progress'
import { type InferOptions, type InferSettings, option, readOptions } from './schema'

/**
 * How drafts become the answer:
 * - `lossless`: the target's own distribution; greedy answers equal plain decoding token for token;
 * - `exact`: the target's distribution shifted towards the draft model's by `transfer`, sampled exactly;
 * - `paper`: the distribution that the RAPID paper's published accuracy was obtained with;
 * - `plain`: the target alone, without speculation;
 * - `rag`: the draft model alone, over the retrieved chunks.
 */
export type Mode = 'plain' | 'rag' | 'lossless' | 'exact' | 'paper'
const modes: readonly Mode[] = ['plain', 'rag', 'lossless', 'exact', 'paper']

/** An earlier question of a conversation and the answer it got. */
export interface Turn {
  /** The question, plain text to the model. */
  readonly question: string
  /** The answer that the model, or anyone, gave to it. */
  readonly answer: string
}

const int32 = 2 ** 31 - 1 // the native side counts tokens in int32

const seed = field<bigint, number | bigint>(
  'an integer of at least 0 and below 2^64',
  (value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
    return typeof value === 'bigint' && value >= 0n && value < 2n ** 64n ? value : undefined
  },
  { placeholder: 'N', fromText: (digits) => (/^\d+$/.test(digits) ? BigInt(digits) : digits) },
)

const strings = listOf(text(1), 16)
const stopStrings = field<readonly string[], string | readonly string[]>(
  'a non-empty string or an array of them',
  (value, name) => strings.read(typeof value === 'string' ? [value] : value, name),
  strings,
)

const ragMode = field<Mode>('"rag" for a document that was opened with retrievalOnly', (value) => (value === 'rag' ? value : undefined))

const turn = field<Turn>('{ question, answer }', (value, name) => {
  if (typeof value !== 'object' || value === null) return undefined
  const { question, answer } = value as Record<string, unknown>
  return { question: text().read(question, `${name}.question`), answer: text().read(answer, `${name}.answer`) }
})

/** The chunks of a document that has `count` of them. */
const chunksField = (count: number) => listOf(integer(0, count - 1), count, 1)

/** The options that the native side decodes by, handed over under the same names: see `nativeSettings`. */
const nativeOptions = {
  /** How drafts become the answer. Default "lossless", and "rag" for a document that was opened with `retrievalOnly`. */
  mode: option({ field: oneOf(modes), default: 'lossless', help: 'How drafts become the answer.' }),
  /** How far `exact` and `paper` move towards the draft model (eta of the paper), 0 to 1,000. Default 10. */
  transfer: option({
    field: number(0, 1000),
    default: 10,
    help: 'How far the modes exact and paper move towards the draft model.',
    flag: 'eta',
  }),
  /**
   * Only tokens whose draft probability is at least this share of the largest one are moved (alpha of the paper), 0 to 1. Default 0.1.
   */
  plausibility: option({ field: number(0, 1), default: 0.1 }),
  /** Temperature of the target and draft distributions in a greedy transfer, above 0, at most 100. Default 1. */
  transferTemperature: option({ field: number(0, 100, 'min'), default: 1 }),
  /**
   * Tokens drafted per round, 0 to 16, or "auto": chosen by measured costs and acceptance, 0 where drafting does not pay. Default
   * "auto".
   */
  draftLength: option({ field: orAuto(integer(0, 16)), default: 'auto', help: 'Tokens drafted per round.' }),
  /**
   * Propose what followed the last tokens where they occurred before, in the retrieved chunks or the answer, and let the draft model
   * (or in `lossless` the target) check it in one pass. Makes quotes fast. Changes no distribution, and no text where the draft length
   * is fixed. Default true.
   */
  ngram: option({ field: boolean, default: true, help: 'Do not propose what the excerpts or the answer have said before.' }),
  /**
   * A round stops drafting below this draft probability, 0 to 1. Default 0: never. Above 0 a GPU returns to the host after each
   * drafted token, which is slower.
   */
  confidence: option({ field: number(0, 1), default: 0 }),
  /** Temperature of sampling, 0 to 100; 0 always takes the likeliest token. Default 0. */
  temperature: option({ field: number(0, 100), default: 0, help: 'Sample at this temperature; 0 takes the likeliest token.' }),
  /** Sample among this many of the likeliest tokens, 0 to 2^31 - 1; 0 means all. Default 0. */
  topK: option({ field: integer(0, int32), default: 0, help: 'Sample among the N likeliest tokens; 0 means all.' }),
  /** Sample among the likeliest tokens up to this probability mass, above 0, at most 1. Default 1. */
  topP: option({ field: number(0, 1, 'min'), default: 1, help: 'Sample within this probability mass.' }),
  /** Drop tokens below this share of the likeliest token's probability, 0 to below 1. Default 0. */
  minP: option({ field: number(0, 1, 'max'), default: 0, help: 'Drop tokens below X times the probability of the likeliest one.' }),
  /**
   * Weakens the answer's last 64 tokens, above 0, at most 100; 1 is off. Positive logits are divided by it and negative ones
   * multiplied: a value below 1 strengthens those tokens. Default 1.
   */
  repetitionPenalty: option({ field: number(0, 100, 'min'), default: 1 }),
  /**
   * Seed of the random number generator, 0 to 2^64 - 1; used where `temperature` is above 0. Equal seeds give equal answers, but in
   * `lossless` and `paper` only with a `draftLength` that is a number: "auto" follows measured times, and another sequence of rounds
   * draws another text from the same distribution. Default 0.
   */
  seed: option({
    field: seed,
    default: 0n,
    help: 'Seed of the random numbers. The modes lossless and paper also need a fixed --draft-length to give the same text again.',
  }),
  /** Most tokens of the answer, 1 to 2^31 - 1. Default 256. */
  maxTokens: option({ field: integer(1, int32), default: 256, help: 'Cut the answer after this many tokens.' }),
}

export const askOptions = {
  ...nativeOptions,
  /**
   * Weights that the model reads when it drafts for itself. Default: as the document was opened. `q4` is refused for a model without
   * 8-bit matrices and without `draftCopy`, and with a `drafter`, which is always read in full. No effect in the modes `plain` and
   * `rag`, which draft nothing. In `exact` and `paper` the drafts shape the answer: there "auto" means "full", and "q4" must be asked
   * for.
   */
  draftWeights: option({ field: draftWeightsField, default: undefined }),
  /** Strings that end the answer and are not part of it, at most 16, none of them empty. Default none. */
  stop: option({ field: stopStrings, default: [], help: 'End the answer before this text. May be given several times.' }),
  /**
   * Most chunks that the draft model reads, 1 to 2^31 - 1. Default: about 4,096 tokens of them, or 1/24 of the document where that is
   * more.
   */
  maxChunks: option({ field: integer(1, int32), default: undefined }),
  /** The chunks that the draft model reads, by index into `doc.chunks`, at least one, instead of retrieval. Default: retrieval. */
  chunks: option({ field: chunksField(int32), default: undefined }),
  /** Earlier turns of the conversation, oldest first, at most 10,000. Default none. */
  history: option({ field: listOf(turn, 10_000), default: [] }),
  /** Called with the progress of the phases `prefill-target` and `prefill-drafter`, which run at the same time. */
  onProgress,
  /** Cancels the answer; it rejects with `signal.reason`. */
  signal,
}

/** Options of {@link DocumentSession.ask}. Numbers that shape the text hold for the target and the draft model alike. */
export interface AskOptions extends InferOptions<typeof askOptions> {}

export type AskSettings = InferSettings<typeof askOptions>

/** What of the settings goes to the native side; there a `draftLength` of -1 is "auto". */
export type NativeSettings = Omit<InferSettings<typeof nativeOptions>, 'draftLength'> & { readonly draftLength: number }

export function nativeSettings(settings: AskSettings): NativeSettings {
  const native = Object.fromEntries(Object.keys(nativeOptions).map((name) => [name, settings[name as keyof typeof nativeOptions]]))
  return { ...(native as NativeSettings), draftLength: settings.draftLength === 'auto' ? -1 : settings.draftLength }
}

/**
 * @param chunkCount chunks of the document, the bound of the indices in `chunks`
 * @param retrievalOnly the document is not in the model's context: only `rag` is possible
 */
export function readAskOptions(given: unknown, chunkCount: number, retrievalOnly = false): AskSettings {
  return readOptions('ask()', given, {
    ...askOptions,
    mode: retrievalOnly ? { field: ragMode, default: 'rag' as const } : askOptions.mode,
    chunks: { ...askOptions.chunks, field: chunksField(chunkCount) },
  })
}

/** @throws ERR_INVALID_ARGUMENT unless `question` holds more than white space */
export function readQuestion(question: unknown): string {
  if (typeof question === 'string' && question.trim() !== '') return question
  throw invalid('the question', 'a non-empty string', question)
}
