/** The shape of a command; one file per command lies in commands/. */
import type { Flag, Values } from './flags'
import type { Io, Library } from './io'
import type { Print } from './printable'

export interface Invocation {
  readonly io: Io
  /** Prints on standard output: answers and what was asked for, nothing else. */
  readonly out: Print
  /** Prints on standard error. */
  readonly err: Print
  readonly library: Library
  readonly values: Values
  readonly positionals: readonly string[]
}

export interface Command {
  readonly name: string
  /** Names of the positional arguments, all of them required. */
  readonly operands: readonly string[]
  /** What it does, in a sentence. */
  readonly summary: string
  /** The flags that it takes, in the order of its help. */
  readonly flags: readonly Flag[]
  /** Further help below the options, in whole sentences. */
  readonly notes?: readonly string[]
  /** @returns the exit code */
  run(invocation: Invocation): Promise<number>
}
