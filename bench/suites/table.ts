/** What docs/measured.md quotes, in one sitting: parts of the other suites. */
import type { Row } from '../report'
import type { Suite, SuiteOptions } from '../suite'
import { answers } from './answers'
import { busy } from './busy'
import { engine, measurePlans, type Plan } from './engine'
import { load } from './load'
import { simulated } from './simulated'

/** Where the peer takes seconds a pass, it is asked for what is compared only. */
const mainPlans: readonly Plan[] = [
  {
    model: 'llama-3.2-1b-q8_0',
    kv: 'f16',
    depths: [0, 4096, 16384, 32768],
    rows: [4, 8, 11, 17],
    prefill: [0, 4096, 16384],
    peer: true,
  },
  { model: 'llama-3.2-1b-q8_0', kv: 'bf16', depths: [0, 4096, 16384, 32768], rows: [4, 8, 11, 17], prefill: [0, 4096, 16384], peer: false },
  { model: 'llama-3.2-1b-q8_0', kv: 'q8', depths: [16384, 32768], rows: [4, 11], prefill: [], peer: true },
]

const otherPlans: readonly Plan[] = [
  { model: 'llama-3.2-1b-q4_k_m', kv: 'f16', depths: [0, 16384], rows: [4, 11], prefill: [0, 16384], peer: true },
  { model: 'llama-3.2-1b-bf16', kv: 'f16', depths: [0, 4096, 16384], rows: [11], prefill: [0, 4096, 16384], peer: true },
  { model: 'qwen2.5-0.5b-q8_0', kv: 'f16', depths: [0, 16384, 32768], rows: [4, 11], prefill: [0, 16384], peer: true },
  { model: 'qwen2.5-0.5b-q4_k_m', kv: 'f16', depths: [0, 16384], rows: [4, 11], prefill: [0, 16384], peer: true },
]

interface Part {
  readonly suite: Suite
  /** On two cores at 31 GB/s, with the peer. */
  readonly minutes: number
  run(options: SuiteOptions): Promise<Row[]>
}

const parts: readonly Part[] = [
  { suite: engine, minutes: 10, run: (options) => measurePlans(mainPlans, options) },
  {
    suite: simulated,
    minutes: 7,
    run: (options) => simulated.run({ ...options, ...simulated.defaults, draftLengths: [2, 4], runs: 1 }),
  },
  { suite: answers, minutes: 3, run: (options) => answers.run({ ...options, ...answers.defaults, runs: 3 }) },
  { suite: busy, minutes: 1, run: (options) => busy.run({ ...options, ...busy.defaults }) },
  { suite: load, minutes: 1, run: (options) => load.run({ ...options, ...load.defaults }) },
  { suite: engine, minutes: 8, run: (options) => measurePlans(otherPlans, options) },
]

export const table: Suite = {
  name: 'table',
  summary: `what docs/measured.md quotes, in one sitting, about ${parts.reduce((sum, { minutes }) => sum + minutes, 0)} minutes: engine, simulated, answers, busy, load`,
  defaults: {},
  async run(options) {
    const { models, drafters, depths, rows: counts, kvs, draftLengths } = options
    if ([models, drafters, depths, counts, kvs, draftLengths].some((list) => list.length > 0))
      throw new Error('suite table chooses models, drafters, depths, rows, KV types and draft lengths itself')
    const rows: Row[] = []
    for (const [i, { suite, minutes, run }] of parts.entries()) {
      const left = parts.slice(i).reduce((sum, part) => sum + part.minutes, 0)
      options.log(`${suite.name}: about ${minutes} min; ${left} min to the end`)
      rows.push(...(await run(options)))
    }
    return rows
  },
  table: engine.table, // the rows are of the other suites, whose tables are printed
}
