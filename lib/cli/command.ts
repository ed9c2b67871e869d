/** The shape of a command; one file per command lies in commands/. */
import type { FlagName, Values } from './flags'
import type { Io, Library } from './io'

export interface Invocation {
  readonly io: Io
  readonly library: Library
  readonly values: Values
  readonly positionals: readonly string[]
}

export interface Command {
  readonly name: string
  /** Names of the positional arguments, all of them required. */
  readonly operands: readonly string[]
  readonly summary: string
  readonly flags: readonly FlagName[]
  /** Further help, below the options. */
  readonly notes?: string
  /** @returns the exit code */
  run(invocation: Invocation): Promise<number>
}
