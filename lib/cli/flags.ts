/** The options of the command line: one table for parsing, help and conversion. */
import { parseArgs } from 'node:util'
import { RagdraftError } from '../errors'
import type { AskOptions, LoadModelOptions, OpenOptions } from '../options'
import { draftWeightKinds, kvChoices, modes, readAskOptions } from '../options'
import { UsageError } from './io'

interface Flag {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  readonly value?: string
  readonly help: string
  /** The library's name of the option, where it differs: its messages are told with the flag's name. */
  readonly option?: string
}

export const flags = {
  model: { type: 'string', value: 'FILE', help: 'GGUF file of the model that answers (required)' },
  drafter: { type: 'string', value: 'FILE', help: 'GGUF file of the model that drafts (default: the same model)' },
  mode: { type: 'string', value: 'MODE', help: `${modes.join(', ')} (default: lossless)` },
  eta: { type: 'string', value: 'X', help: 'transfer strength of the modes exact and paper (default: 10)', option: 'transfer' },
  'draft-length': { type: 'string', value: 'N|auto', help: 'tokens drafted per round, 0 to 16 (default: auto)', option: 'draftLength' },
  'draft-weights': {
    type: 'string',
    value: 'KIND',
    help: `of a model that drafts for itself: ${draftWeightKinds.join(', ')} (default: auto = q4 for 8-bit models, or with --draft-copy, in lossless mode)`,
    option: 'draftWeights',
  },
  'draft-copy': {
    type: 'boolean',
    help: 'keep a 4-bit copy of 16-bit weights to draft with: faster, for 28 % more memory',
    option: 'draftCopy',
  },
  'cache-weights': {
    type: 'boolean',
    help: 'keep the packed weights on disk, as large as the model, for a quick next start; see "ragdraft cache"',
    option: 'weightsCache',
  },
  'no-ngram': { type: 'boolean', help: 'do not propose what the excerpts or the answer have said before' },
  'max-tokens': { type: 'string', value: 'N', help: 'length of an answer at most (default: 256)', option: 'maxTokens' },
  temperature: { type: 'string', value: 'T', help: '0 = always the likeliest token (default: 0)' },
  'top-k': { type: 'string', value: 'N', help: 'sample among the N likeliest tokens (default: 0 = all)', option: 'topK' },
  'top-p': { type: 'string', value: 'P', help: 'sample within this probability mass (default: 1)', option: 'topP' },
  'min-p': { type: 'string', value: 'P', help: 'drop tokens below P times the likeliest (default: 0)', option: 'minP' },
  seed: {
    type: 'string',
    value: 'S',
    help: 'of the random numbers (default: 0); lossless and paper need a fixed --draft-length to give the same text again',
  },
  stop: { type: 'string', value: 'TEXT', multiple: true, help: 'end the answer before this text; may be given several times' },
  context: { type: 'string', value: 'N', help: 'tokens of context (default: what the document needs)', option: 'contextTokens' },
  kv: { type: 'string', value: 'TYPE', help: `number type of the KV cache: ${kvChoices.join(', ')} (default: auto)` },
  threads: { type: 'string', value: 'N', help: 'worker threads (default: all that this process may use)' },
  device: { type: 'string', value: 'D', help: 'auto, cpu, cuda, cuda:N (default: auto = a GPU that the model fits into, else the CPU)' },
  json: { type: 'boolean', help: 'print one JSON object instead of text' },
  'model-only': { type: 'boolean', help: "build the demo's model if need be, print its path and stop" },
  clear: { type: 'boolean', help: 'delete them' },
  help: { type: 'boolean', help: 'show this help' },
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

export function flagHelp(names: readonly FlagName[]): string {
  const rows = names.map((name) => {
    const flag: Flag = flags[name]
    return { left: `--${name}${flag.value ? ` ${flag.value}` : ''}`, help: flag.help }
  })
  const width = Math.max(...rows.map((row) => row.left.length))
  return rows.map((row) => `  ${row.left.padEnd(width)}  ${row.help}`).join('\n')
}

/** @throws UsageError for an unknown flag or one without its value */
export function parseFlags(args: readonly string[], names: readonly FlagName[]): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(
    names.map((name) => {
      const { type, multiple }: Flag = flags[name]
      return [name, { type, ...(multiple ? { multiple } : {}), ...(name === 'help' ? { short: 'h' } : {}) }]
    }),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    return { values: values as Values, positionals }
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message)
    throw error
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
  try {
    readAskOptions(options, 1)
  } catch (error) {
    throw asUsageError(error)
  }
  return options
}

export function loadOptions(values: Values): LoadModelOptions {
  return {
    device: stringFlag(values, 'device') as LoadModelOptions['device'],
    threads: numberFlag(values, 'threads'),
    draftCopy: values['draft-copy'] === true,
    weightsCache: values['cache-weights'] === true,
  }
}

export function openOptions(values: Values): OpenOptions {
  return {
    contextTokens: numberFlag(values, 'context'),
    kv: stringFlag(values, 'kv') as OpenOptions['kv'],
    draftWeights: stringFlag(values, 'draft-weights') as OpenOptions['draftWeights'],
    retrievalOnly: values.mode === 'rag', // every question will be one
  }
}
