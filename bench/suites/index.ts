/** All suites, and the tables that can be made of their reports. */
import { passes, type View } from '../markdown'
import type { Report } from '../report'
import type { Check, Suite } from '../suite'
import { answers } from './answers'
import { busy } from './busy'
import { engine } from './engine'
import { kernels } from './kernels'
import { load } from './load'
import { simulated } from './simulated'
import { table } from './table'

export const suites: readonly Suite[] = [table, kernels, engine, answers, simulated, busy, load]

/** The suites whose rows a report holds. */
export const suitesOf = ({ rows }: Pick<Report, 'rows'>): Suite[] => suites.filter(({ name }) => rows.some((r) => r.suite === name))

/** What a report says of the goals. */
export const checksOf = (report: Pick<Report, 'rows'>): Check[] =>
  suitesOf(report).flatMap(({ name, checks }) => checks?.(report.rows.filter((r) => r.suite === name)) ?? [])

export const checkTable = (checks: readonly Check[]): string[][] => [
  ['goal', 'wanted', 'measured', ''],
  ...checks.map(({ what, wanted, found, ok }) => [what, wanted, found, ok ? 'reached' : 'missed']),
]

/** Tables by name: `passes MODEL KV...`, `goals`, and a suite's own by its name. */
export const views: Readonly<Record<string, View>> = {
  passes: (report, [model = '', ...kvs]) => passes(report, model, kvs),
  goals: (report) => checkTable(checksOf(report)),
  ...Object.fromEntries(suites.map(({ name, table }) => [name, (report: Report) => table(report.rows.filter((r) => r.suite === name))])),
}
