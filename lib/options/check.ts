/** Reads option objects: defaults, ranges and types, with messages that name the option, what it may be and what was given. */
import { RagdraftError } from '../base/errors'

/** Validates one value and returns it, or the default for `undefined`. `name` is for the message. */
export type Field<T> = (value: unknown, name: string) => T

export type Fields<Options> = { readonly [Name in keyof Options]-?: Field<Options[Name]> }

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'no prototype'})`
  return String(value)
}

export function invalid(name: string, expected: string, value: unknown): RagdraftError {
  return new RagdraftError('ERR_INVALID_ARGUMENT', `${name} must be ${expected}, got ${show(value)}`, { details: { argument: name } })
}

/** A field that may be left out: `undefined` gives `fallback`. */
export function optional<T, D>(field: Field<T>, fallback: D): Field<T | D> {
  return (value, name) => (value === undefined ? fallback : field(value, name))
}

export function integer(min: number, max: number): Field<number> {
  return (value, name) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw invalid(name, max >= 2 ** 31 - 1 ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`, value)
  }
}

/** A finite number of [min, max]; `open` leaves out that end of the range. */
export function number(min: number, max: number, open?: 'min' | 'max'): Field<number> {
  const range = open === 'min' ? `above ${min}, at most ${max}` : open === 'max' ? `from ${min} to below ${max}` : `from ${min} to ${max}`
  return (value, name) => {
    const inside = typeof value === 'number' && value >= min && value <= max
    if (inside && !(open === 'min' && value === min) && !(open === 'max' && value === max)) return value
    throw invalid(name, `a number ${range}`, value)
  }
}

export function oneOf<const T extends string>(choices: readonly T[]): Field<T> {
  return (value, name) => {
    const choice = choices.find((c) => c === value)
    if (choice !== undefined) return choice
    throw invalid(name, `one of ${choices.map((c) => `"${c}"`).join(', ')}`, value)
  }
}

export function text(minLength = 0): Field<string> {
  return (value, name) => {
    if (typeof value === 'string' && value.length >= minLength) return value
    throw invalid(name, minLength > 0 ? 'a non-empty string' : 'a string', value)
  }
}

export const boolean: Field<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value
  throw invalid(name, 'true or false', value)
}

export function listOf<T>(item: Field<T>, maxLength: number, minLength = 0): Field<readonly T[]> {
  const size = minLength > 0 ? `${minLength} to ${maxLength}` : `at most ${maxLength}`
  return (value, name) => {
    if (!Array.isArray(value) || value.length < minLength || value.length > maxLength)
      throw invalid(name, `an array of ${size} items`, value)
    return Array.from(value, (entry, i) => item(entry, `${name}[${i}]`))
  }
}

// The parameter type of the callback is the caller's promise: a function cannot be checked further.
// biome-ignore lint/suspicious/noExplicitAny: any callback type fits
export function callback<F extends (...args: any[]) => unknown>(): Field<F> {
  return (value, name) => {
    if (typeof value === 'function') return value as F
    throw invalid(name, 'a function', value)
  }
}

export const abortSignal: Field<AbortSignal> = (value, name) => {
  const signal = value as Partial<AbortSignal> | null
  if (typeof signal === 'object' && signal && typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function') {
    return value as AbortSignal
  }
  throw invalid(name, 'an AbortSignal', value)
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
 * @param what the function, for messages: "ask()"
 * @param given the caller's options; `undefined` means none
 * @throws ERR_INVALID_ARGUMENT for a wrong type, a value out of range or a name that is not an option
 */
export function readOptions<Options extends object>(what: string, given: unknown, fields: Fields<Options>): Options {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw invalid(`the options of ${what}`, 'an object', given)
  }
  const source = (given ?? {}) as Record<string, unknown>
  const names = Object.keys(fields)
  const stray = Object.keys(source).find((name) => !names.includes(name))
  if (stray !== undefined) throw unknownOption(what, stray, names)
  return Object.fromEntries(names.map((name) => [name, fields[name as keyof Options](source[name], name)])) as Options
}
