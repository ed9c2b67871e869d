/** The options of the command line: one table for parsing, help and conversion. */
import { parseArgs } from 'node:util'
import { RagdraftError } from '../base/errors'
import { unknownOption } from '../options/check'
import type { AskOptions, LoadModelOptions, OpenOptions } from '../options/options'
import { draftWeightKinds, kvChoices, modes, readAskOptions, readLoadOptions, readOpenOptions } from '../options/options'
import { UsageError } from './io'
import { type Row, table } from './table'

interface Flag {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  readonly value?: string
  readonly help: string
  /** The library's name of the option, where it differs: its messages are told with the flag's name. */
  readonly option?: string
}

export const flags = {
  model: { type: 'string', value: 'FILE', help: 'GGUF file of the model that answers. Required.' },
  drafter: { type: 'string', value: 'FILE', help: 'GGUF file of a second model, which drafts. Default: the model drafts for itself.' },
  mode: { type: 'string', value: 'MODE', help: `How drafts become the answer: ${modes.join(', ')}. Default: lossless.` },
  eta: {
    type: 'string',
    value: 'X',
    help: 'How far the modes exact and paper move towards the drafter, 0 to 1000. Default: 10.',
    option: 'transfer',
  },
  'draft-length': {
    type: 'string',
    value: 'N|auto',
    help: 'Tokens drafted per round, 0 to 16, or auto. Default: auto.',
    option: 'draftLength',
  },
  'draft-weights': {
    type: 'string',
    value: 'KIND',
    help: `What a model that drafts for itself reads of its weights: ${draftWeightKinds.join(', ')}. Default: auto, which is q4 in lossless mode for 8-bit models and with --draft-copy.`,
    option: 'draftWeights',
  },
  'draft-copy': {
    type: 'boolean',
    help: 'Keep a 4-bit copy of 16-bit weights to draft with. It is faster and takes 28 % more memory.',
    option: 'draftCopy',
  },
  'cache-weights': {
    type: 'boolean',
    help: 'Keep the packed weights on disk, as large as the model, for a quick next start. See "ragdraft cache".',
    option: 'weightsCache',
  },
  'no-ngram': { type: 'boolean', help: 'Do not propose what the excerpts or the answer have said before.' },
  'max-tokens': { type: 'string', value: 'N', help: 'Cut the answer after this many tokens. Default: 256.', option: 'maxTokens' },
  temperature: { type: 'string', value: 'T', help: 'Sample at this temperature; 0 takes the likeliest token. Default: 0.' },
  'top-k': { type: 'string', value: 'N', help: 'Sample among the N likeliest tokens; 0 means all. Default: 0.', option: 'topK' },
  'top-p': { type: 'string', value: 'P', help: 'Sample within this probability mass. Default: 1.', option: 'topP' },
  'min-p': { type: 'string', value: 'P', help: 'Drop tokens below P times the likeliest one. Default: 0.', option: 'minP' },
  seed: {
    type: 'string',
    value: 'S',
    help: 'Seed of the random numbers. Default: 0. The modes lossless and paper also need a fixed --draft-length to give the same text again.',
  },
  stop: { type: 'string', value: 'TEXT', multiple: true, help: 'End the answer before this text. May be given several times.' },
  context: {
    type: 'string',
    value: 'N',
    help: 'Tokens that document, question and answer may have together. Default: what the document needs and 2,048 more.',
    option: 'contextTokens',
  },
  kv: { type: 'string', value: 'TYPE', help: `Number type of the KV cache: ${kvChoices.join(', ')}. Default: auto.` },
  threads: { type: 'string', value: 'N', help: 'Worker threads. Default: as many as this process may use.' },
  device: {
    type: 'string',
    value: 'D',
    help: 'Where to compute: auto, cpu, cuda, cuda:N. Default: auto, a GPU that the model fits into, else the CPU.',
  },
  json: { type: 'boolean', help: 'Print one JSON object instead of text.' },
  'model-only': { type: 'boolean', help: "Make the demo's model if need be, print its path and stop." },
  clear: { type: 'boolean', help: 'Delete them.' },
  help: { type: 'boolean', help: 'Show this help.' },
} as const satisfies Record<string, Flag>

export type FlagName = keyof typeof flags

/** What a command takes that asks a document of the user's own, in the order of its help. */
export const questionFlags = [
  'model',
  'drafter',
  'mode',
  'eta',
  'draft-length',
  'no-ngram',
  'draft-weights',
  'draft-copy',
  'cache-weights',
  'max-tokens',
  'temperature',
  'top-k',
  'top-p',
  'min-p',
  'seed',
  'stop',
  'context',
  'kv',
  'threads',
  'device',
] as const satisfies readonly FlagName[]

export type Values = { readonly [Name in FlagName]?: string | boolean | string[] | undefined }

/** @param width of a line, in characters */
export function flagHelp(names: readonly FlagName[], width: number): string {
  const rows = names.map((name): Row => {
    const flag: Flag = flags[name]
    return [`--${name}${flag.value ? ` ${flag.value}` : ''}`, flag.help]
  })
  return table(rows, { width })
}

/** A question or number that begins with a dash: no option has a space before "=", or a digit in front. */
const isDashedText = (argument: string) => /^-(?!-)/.test(argument) && /^-[\d.]|\s/.test(argument)

/**
 * @param command as the user types it, for messages
 * @throws UsageError for an unknown flag or one without its value
 */
export function parseFlags(
  command: string,
  args: readonly string[],
  names: readonly FlagName[],
): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(
    names.map((name) => {
      const { type, multiple }: Flag = flags[name]
      return [name, { type, ...(multiple ? { multiple } : {}), ...(name === 'help' ? { short: 'h' } : {}) }]
    }),
  )
  // parseArgs takes all that begins with a dash for an option. No argument of a process can hold a NUL, so this one gets by.
  const hidden = args.map((argument) => (isDashedText(argument) ? `\0${argument}` : argument))
  const shown = (value: string) => value.replace(/^\0/, '')
  try {
    const { values, positionals } = parseArgs({ args: hidden, options, allowPositionals: true, strict: true })
    const read = Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? shown(value) : Array.isArray(value) ? value.map((item) => shown(String(item))) : value,
    ])
    return { values: Object.fromEntries(read) as Values, positionals: positionals.map(shown) }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const unknown = /^Unknown option '(.*?)'/.exec(error.message)?.[1]
    if (unknown === undefined) throw new UsageError(error.message)
    const known = names.map((name) => `--${name}`)
    throw new UsageError(`${unknownOption(command, unknown, known).message} (an argument that begins with a dash goes behind "--")`)
  }
}

export function stringFlag(values: Values, name: FlagName): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

function numberFlag(values: Values, name: FlagName): number | undefined {
  const value = stringFlag(values, name)
  if (value === undefined) return undefined
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (Number.isNaN(number)) throw new UsageError(`--${name} must be a number, got "${value}"`)
  return number
}

function seedFlag(values: Values): number | bigint | undefined {
  const value = stringFlag(values, 'seed')
  return value !== undefined && /^\d+$/.test(value) ? BigInt(value) : numberFlag(values, 'seed')
}

/** What the library says of an option, said of the flag. Other errors pass, also those about a document's content. */
export function asUsageError(error: unknown): unknown {
  if (!(error instanceof RagdraftError) || error.code !== 'ERR_INVALID_ARGUMENT') return error
  const argument = String(error.details.argument ?? '')
  const name = (Object.keys(flags) as FlagName[]).find((key) => ((flags[key] as Flag).option ?? key) === argument.replace(/\[.*$/, ''))
  return name ? new UsageError(`--${name}${error.message.slice(argument.length)}`) : error
}

/** Options of ask(), checked here already: reading a long document comes first, and it would be a pity about the time. */
export function askOptions(values: Values): AskOptions {
  const draftLength = stringFlag(values, 'draft-length')
  const options = {
    mode: stringFlag(values, 'mode') as AskOptions['mode'],
    transfer: numberFlag(values, 'eta'),
    ngram: values['no-ngram'] !== true,
    draftLength: draftLength === 'auto' ? ('auto' as const) : numberFlag(values, 'draft-length'),
    maxTokens: numberFlag(values, 'max-tokens'),
    temperature: numberFlag(values, 'temperature'),
    topK: numberFlag(values, 'top-k'),
    topP: numberFlag(values, 'top-p'),
    minP: numberFlag(values, 'min-p'),
    seed: seedFlag(values),
    stop: values.stop as string[] | undefined,
  }
  checked(() => readAskOptions(options, 1))
  return options
}

/** Runs a check of the library, whose complaint is then about a flag. */
function checked(check: () => unknown): void {
  try {
    check()
  } catch (error) {
    throw asUsageError(error)
  }
}

/** Options of loadModel(), checked; with a drafter there is nothing for the model to keep a copy for. */
export function loadOptions(values: Values): LoadModelOptions {
  const options = {
    device: stringFlag(values, 'device') as LoadModelOptions['device'],
    threads: numberFlag(values, 'threads'),
    draftCopy: values['draft-copy'] === true,
    weightsCache: values['cache-weights'] === true,
  }
  checked(() => readLoadOptions(options))
  if (values.drafter !== undefined && options.draftCopy)
    throw new UsageError('--draft-copy is of no use beside --drafter, which drafts instead')
  return options
}

/** The context of a model that is not known yet: only more than any can have is refused. */
const anyContext = 2 ** 31 - 1

/** Options of open(), checked as far as they can be before the model is known. */
export function openOptions(values: Values): OpenOptions {
  const options = {
    contextTokens: numberFlag(values, 'context'),
    kv: stringFlag(values, 'kv') as OpenOptions['kv'],
    draftWeights: stringFlag(values, 'draft-weights') as OpenOptions['draftWeights'],
    retrievalOnly: values.mode === 'rag', // every question will be one
  }
  checked(() => readOpenOptions(options, anyContext))
  if (values.drafter !== undefined && options.draftWeights === 'q4')
    throw new UsageError('--draft-weights must not be "q4" beside --drafter, which drafts with all of its weights')
  return options
}
