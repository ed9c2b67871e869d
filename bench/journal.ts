/** Logs every measurement and hands on all rows so far, so that the report of an interrupted run holds what was measured. */
import type { Cell, Measured, Row } from './report'

export class Journal {
  readonly #rows: Row[] = []

  constructor(
    readonly log: (line: string) => void,
    readonly save: (rows: readonly Row[]) => void = () => {},
  ) {}

  async measure(cell: Cell, work: () => Promise<Measured>): Promise<Row> {
    const row: Row = { ...cell, ...(await work()) }
    this.#rows.push(row)
    this.save(this.#rows)
    const { suite, engine, setting, model, kv, metric, rows, depth, ms, simulatedAcceptance } = row
    const simulated = simulatedAcceptance === undefined ? '' : `SIMULATED acceptance ${simulatedAcceptance}`
    const where = [model, kv && `${kv} KV`, `depth ${depth}`, `rows ${rows}`, simulated].filter(Boolean).join(', ')
    this.log(`${suite}: ${engine}${setting ? ` (${setting})` : ''} ${metric}: ${where}: ${ms.toFixed(1)} ms`)
    return row
  }
}
