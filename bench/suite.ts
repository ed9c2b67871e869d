/** What a suite is, and the options that it is run with. */
import type { Journal } from './journal'
import type { Peaks } from './native-programs'
import type { Row } from './report'

export interface SuiteOptions {
  /** GGUF files, or names that models.ts knows; none: the suite's own choice. */
  readonly models: readonly string[]
  readonly drafters: readonly string[]
  readonly depths: readonly number[]
  /** Rows of verify passes; of the kernels' calls. */
  readonly rows: readonly number[]
  readonly draftLengths: readonly number[]
  readonly acceptance: readonly number[]
  /** Tokens of a simulated answer. */
  readonly tokens: number
  readonly kvs: readonly string[]
  readonly runs: number
  readonly threads: number
  readonly peer: boolean
  readonly peerDefaults: boolean
  /** Contexts are read to their whole depth, not made of copies. */
  readonly read: boolean
  /** MiB that a sweep of the kernels goes through: several times the last-level cache. */
  readonly coldMiB: number
  readonly peaks: Peaks | null
  readonly journal: Journal
  readonly log: (line: string) => void
}

export interface Suite {
  readonly name: string
  readonly summary: string
  /** What the suite measures unless told otherwise. */
  readonly defaults: Partial<Pick<SuiteOptions, 'depths' | 'rows' | 'draftLengths' | 'kvs'>>
  run(options: SuiteOptions): Promise<Row[]>
  /** Lines of cells; the first is the header. */
  table(rows: readonly Row[]): string[][]
}

/** 4,096 -> "4K", 100 -> "100". */
export const shortCount = (count: number): string => (count > 0 && count % 1024 === 0 ? `${count / 1024}K` : String(count))
