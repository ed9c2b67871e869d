/** The flags of a command: those that the schemas of the library's options give, and its own. */
import { parseArgs } from 'node:util'
import { RagdraftError } from '../base/errors'
import { type InferOptions, type Option, type Schema, unknownOption } from '../options/schema'
import { UsageError } from './io'
import { type Row, table } from './table'

export interface Flag {
  /** Without the dashes. */
  readonly name: string
  /** What it does, in whole sentences. */
  readonly help: string
  /** Name of the value in the help; a flag without one takes no value. */
  readonly placeholder?: string | undefined
  /** May be given several times. */
  readonly multiple?: boolean | undefined
}

export const jsonFlag: Flag = { name: 'json', help: 'Print one JSON object instead of text.' }
export const helpFlag: Flag = { name: 'help', help: 'Show this help.' }

/** What was given, by the names of the flags. */
export type Values = { readonly [flag: string]: string | boolean | string[] | undefined }

type AnyOption = Option<unknown, unknown>

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const flagName = (name: string, { flag, ...option }: AnyOption) => flag ?? `${option.default === true ? 'no-' : ''}${kebab(name)}`

function helpOf({ help, field, default: value, defaultHelp }: AnyOption): string {
  const says = field.placeholder === undefined || field.placeholder === 'TEXT' ? '' : ` Must be ${field.expected}.`
  const plain = ['string', 'number', 'bigint'].includes(typeof value) ? String(value) : undefined
  const unset = defaultHelp ?? plain
  return `${help}${says}${unset === undefined ? '' : ` Default: ${unset}.`}`
}

/** The flags of a schema's options that have a help text; of these names only, if some are given. */
export function flagsOf<S extends Schema>(schema: S, names: readonly (keyof S & string)[] = Object.keys(schema)): Flag[] {
  return names.flatMap((name) => {
    const option: AnyOption = schema[name]!
    const { placeholder, multiple } = option.field
    return option.help === undefined ? [] : [{ name: flagName(name, option), help: helpOf(option), placeholder, multiple }]
  })
}

/** The options of a schema that were given as flags, not checked yet. */
export function optionsFrom<S extends Schema>(schema: S, values: Values): InferOptions<S> {
  const given = Object.entries(schema as Record<string, AnyOption>).flatMap(([name, option]) => {
    const value = option.help === undefined ? undefined : values[flagName(name, option)]
    const { fromText = (text: string) => text } = option.field
    return value === undefined
      ? []
      : [[name, typeof value === 'boolean' ? !option.default : typeof value === 'string' ? fromText(value) : value]]
  })
  return Object.fromEntries(given)
}

/** Runs a check of the library's; what it says of an option of the schema, it then says of the flag. Other errors pass unchanged. */
export function checked<T>(schema: Schema, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw asUsageError(schema, error)
  }
}

export function asUsageError(schema: Schema, error: unknown): unknown {
  if (!(error instanceof RagdraftError) || error.code !== 'ERR_INVALID_ARGUMENT') return error
  const argument = String(error.details.argument ?? '')
  const name = argument.replace(/\[.*$/, '')
  const option: AnyOption | undefined = Object.hasOwn(schema, name) ? schema[name] : undefined
  return option?.help === undefined ? error : new UsageError(`--${flagName(name, option)}${error.message.slice(argument.length)}`)
}

/** @param width of a line, in characters */
export function flagHelp(flags: readonly Flag[], width: number): string {
  const rows = flags.map(({ name, placeholder, help }): Row => [`--${name}${placeholder ? ` ${placeholder}` : ''}`, help])
  return table(rows, { width })
}

/** A question or number that begins with a dash: no option has a space before "=", or a digit in front. */
const isDashedText = (argument: string) => /^-(?!-)/.test(argument) && /^-[\d.]|\s/.test(argument)

/**
 * @param command as the user types it, for messages
 * @throws UsageError for an unknown flag or one without its value
 */
export function parseFlags(command: string, args: readonly string[], flags: readonly Flag[]): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(
    flags.map(({ name, placeholder, multiple = false }) => {
      const type = placeholder === undefined ? ('boolean' as const) : ('string' as const)
      return [name, { type, multiple, ...(name === 'help' ? { short: 'h' } : {}) }]
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
    const known = flags.map(({ name }) => `--${name}`)
    throw new UsageError(`${unknownOption(command, unknown, known).message} (an argument that begins with a dash goes after "--")`)
  }
}

export function stringFlag(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}
