/** What one option may be: a check with a message that names the option, what it may be and what was given. */
import { RagdraftError } from '../base/errors'

/** Checks a value of one kind, wherever it comes from: a program, a command line, the body of a request. */
export interface Field<Setting, Given = Setting> {
  /** Returns the checked value in the form that the library computes with. @throws ERR_INVALID_ARGUMENT; `name` is for the message */
  readonly read: (value: unknown, name: string) => Setting
  /** What is allowed, with its range: "an integer from 1 to 256". */
  readonly expected: string
  /** How a command line gives it: "N" for `--threads N`. None: as a flag without a value, or not at all. */
  readonly placeholder?: string | undefined
  /** The value that a text of the command line stands for; `read` checks it. Default: the text itself. */
  readonly fromText?: ((text: string) => unknown) | undefined
  /** Several values may be given. */
  readonly multiple?: boolean | undefined
  /** For types alone: what a caller may pass. */
  readonly given?: Given
}

type Traits = Pick<Field<unknown>, 'placeholder' | 'fromText' | 'multiple'>

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'no prototype'})`
  return String(value)
}

/** The error of a value that is not what it must be; `details.argument` is the name. */
export function invalid(name: string, expected: string, value: unknown): RagdraftError {
  return new RagdraftError('ERR_INVALID_ARGUMENT', `${name} must be ${expected}, got ${show(value)}`, { details: { argument: name } })
}

/** A field from its check, which returns `undefined` for a value that is not allowed. */
export function field<Setting, Given = Setting>(
  expected: string,
  check: (value: unknown, name: string) => Setting | undefined,
  traits: Traits = {},
): Field<Setting, Given> {
  const read = (value: unknown, name: string) => {
    const setting = check(value, name)
    if (setting === undefined) throw invalid(name, expected, value)
    return setting
  }
  return { ...traits, expected, read }
}

/** A number where the text is one; any other text is left for the check to refuse. */
const numberFromText = (text: string) => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))

export function integer(min: number, max: number): Field<number> {
  const expected = max >= 2 ** 31 - 1 ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  const check = (value: unknown) => (Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? Number(value) : undefined)
  return field(expected, check, { placeholder: 'N', fromText: numberFromText })
}

/** A finite number of [min, max]; `open` leaves out that end of the range. */
export function number(min: number, max: number, open?: 'min' | 'max'): Field<number> {
  const range = open === 'min' ? `above ${min}, at most ${max}` : open === 'max' ? `from ${min} to below ${max}` : `from ${min} to ${max}`
  const check = (value: unknown) => {
    const inside = typeof value === 'number' && value >= min && value <= max
    return inside && !(open === 'min' && value === min) && !(open === 'max' && value === max) ? value : undefined
  }
  return field(`a number ${range}`, check, { placeholder: 'X', fromText: numberFromText })
}

/** What `other` allows, or the word "auto". */
export function orAuto<T>(other: Field<T>): Field<T | 'auto'> {
  const expected = `${other.expected} or "auto"`
  const read = (value: unknown, name: string) => {
    if (value === 'auto') return value
    try {
      return other.read(value, name)
    } catch {
      throw invalid(name, expected, value)
    }
  }
  return { ...other, expected, read, placeholder: `${other.placeholder}|auto` }
}

export function oneOf<const T extends string>(choices: readonly T[]): Field<T> {
  const check = (value: unknown) => choices.find((choice) => choice === value)
  return field(`one of ${choices.map((choice) => `"${choice}"`).join(', ')}`, check, { placeholder: 'NAME' })
}

export function text(minLength = 0): Field<string> {
  const check = (value: unknown) => (typeof value === 'string' && value.length >= minLength ? value : undefined)
  return field(minLength > 0 ? 'a non-empty string' : 'a string', check, { placeholder: 'TEXT' })
}

export const boolean: Field<boolean> = field('true or false', (value) => (typeof value === 'boolean' ? value : undefined))

export function listOf<T>(item: Field<T>, maxLength: number, minLength = 0): Field<readonly T[]> {
  const size = minLength > 0 ? `${minLength} to ${maxLength}` : `at most ${maxLength}`
  const check = (value: unknown, name: string) =>
    Array.isArray(value) && value.length >= minLength && value.length <= maxLength
      ? Array.from(value, (entry, i) => item.read(entry, `${name}[${i}]`))
      : undefined
  return field(`an array of ${size} items`, check, { placeholder: item.placeholder, multiple: true })
}

// The parameter type of the callback is the caller's promise: a function cannot be checked further.
// biome-ignore lint/suspicious/noExplicitAny: any callback type fits
export function callback<F extends (...args: any[]) => unknown>(): Field<F> {
  return field('a function', (value) => (typeof value === 'function' ? (value as F) : undefined))
}

/** By its shape: a signal may come from another realm or library. */
export const abortSignal: Field<AbortSignal> = field('an AbortSignal', (value) => {
  const signal = value as Partial<AbortSignal> | null
  const fits = typeof signal === 'object' && typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function'
  return fits ? (value as AbortSignal) : undefined
})
