/** All suites. */
import type { Suite } from '../suite'
import { answers } from './answers'
import { busy } from './busy'
import { engine } from './engine'
import { kernels } from './kernels'
import { load } from './load'
import { simulated } from './simulated'
import { table } from './table'

export const suites: readonly Suite[] = [table, kernels, engine, answers, simulated, busy, load]
