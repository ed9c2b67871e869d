/**
 * One declaration an option. From a schema, an object of {@link option}s, come the type that callers see with its documentation
 * ({@link InferOptions}), the checked form with its defaults ({@link InferSettings}, {@link readOptions}) and the flags of the command
 * line with their help (lib/cli/flags.ts). The JSDoc of a schema's property is the documentation of the option.
 */
import { RagdraftError } from '../base/errors'
import { type Field, invalid } from './fields'

export interface Option<Setting, Given = Setting> {
  readonly field: Field<Setting, Given>
  readonly default: Setting
  /** What `--help` says, in whole sentences; what is allowed and the default are added. An option without it is no flag. */
  readonly help?: string | undefined
  /** Name of the flag; default: the option's own in kebab case, after "no-" for a boolean that is true by default. */
  readonly flag?: string | undefined
  /** What `--help` calls the default, where that is no value. */
  readonly defaultHelp?: string | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: options of any type
export type Schema = { readonly [name: string]: Option<any, any> }

/** What callers may pass. */
export type InferOptions<S extends Schema> = {
  readonly [Name in keyof S]?: S[Name] extends Option<unknown, infer Given> ? Given | undefined : never
}
/** What comes out of {@link readOptions}. */
export type InferSettings<S extends Schema> = {
  readonly [Name in keyof S]: S[Name] extends Option<infer Setting, unknown> ? Setting : never
}

/** @param declaration `default` is what the setting is where the option is left out */
export function option<Setting, Given, const Default extends Setting | undefined>(
  declaration: Omit<Option<Setting, Given>, 'default'> & { readonly default: Default },
): Option<Setting | Default, Given> {
  return declaration as Option<Setting | Default, Given>
}

/** Edits between two words (Levenshtein), for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

export function unknownOption(what: string, name: string, known: readonly string[]): RagdraftError {
  const nearest = known.map((k) => ({ k, d: distance(name.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d)[0]
  const hint = nearest && nearest.d <= Math.max(2, name.length / 3) ? `did you mean "${nearest.k}"?` : `the options are ${known.join(', ')}`
  return new RagdraftError('ERR_INVALID_ARGUMENT', `unknown option "${name}" of ${what}; ${hint}`, { details: { argument: name } })
}

/**
 * Checks an object of options and fills in the defaults; `undefined` stands for a default everywhere.
 * @param what the function, for messages: "ask()"
 * @throws ERR_INVALID_ARGUMENT for a wrong type, a value out of range or a name that is not an option
 */
export function readOptions<S extends Schema>(what: string, given: unknown, schema: S): InferSettings<S> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw invalid(`the options of ${what}`, 'an object', given)
  }
  const source = (given ?? {}) as Record<string, unknown>
  const names = Object.keys(schema)
  const stray = Object.keys(source).find((name) => !names.includes(name))
  if (stray !== undefined) throw unknownOption(what, stray, names)
  const read = (name: string) => (source[name] === undefined ? schema[name]!.default : schema[name]!.field.read(source[name], name))
  return Object.fromEntries(names.map((name) => [name, read(name)])) as InferSettings<S>
}
