/** What a run has measured so far, on disk too: a run that was interrupted goes on where it was. */
import * as fs from 'node:fs'
import type { Peaks } from './native-programs'
import type { Cell, Measured, Report, Row } from './report'

/** Where a run takes place and what it was asked: rows of different ones are not put into one report. */
export interface Stamp extends Pick<Report, 'machine' | 'commit'> {
  readonly args: readonly string[]
}

export class Journal {
  readonly #known = new Map<string, Row>()

  private constructor(
    readonly peaks: Peaks | null,
    readonly log: (line: string) => void,
    readonly file?: string,
  ) {}

  /**
   * @param file JSON lines: stamp and peaks, then a row each. Taken up if it exists; absent: nothing is kept.
   * @throws Error for a file of another machine, commit or arguments
   */
  static async open(stamp: Stamp, measurePeaks: () => Promise<Peaks | null>, log: (line: string) => void, file?: string): Promise<Journal> {
    if (file === undefined || !fs.existsSync(file)) {
      const journal = new Journal(await measurePeaks(), log, file)
      if (file !== undefined) fs.writeFileSync(file, `${JSON.stringify({ ...stamp, peaks: journal.peaks })}\n`)
      return journal
    }
    const [first, ...rows] = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) // a line without its end was being written
    const { peaks, ...found } = JSON.parse(first ?? '{}') as { peaks: Peaks | null }
    if (JSON.stringify(found) !== JSON.stringify(stamp))
      throw new Error(`${file} was begun on another machine, at another commit or with other arguments: delete it to start anew`)
    const journal = new Journal(peaks, log, file)
    for (const line of rows) {
      const row = JSON.parse(line) as Row
      journal.#known.set(keyOf(row), row)
    }
    fs.writeFileSync(file, `${[first, ...rows].join('\n')}\n`)
    log(`${rows.length} measurements are taken from ${file}`)
    return journal
  }

  /** The row of a cell: from the file, or measured now and written down. */
  async measure(cell: Cell, work: () => Promise<Measured>): Promise<Row> {
    const known = this.#known.get(keyOf(cell))
    if (known) return known
    const row: Row = { ...cell, ...(await work()) }
    if (this.file !== undefined) fs.appendFileSync(this.file, `${JSON.stringify(row)}\n`)
    const { suite, engine, setting, model, kv, metric, rows, depth, ms } = row
    const { simulatedAcceptance } = row
    const luck = simulatedAcceptance === undefined ? '' : `SIMULATED acceptance ${simulatedAcceptance}`
    const where = [model, kv && `${kv} KV`, `depth ${depth}`, `rows ${rows}`, luck].filter(Boolean).join(', ')
    this.log(`${suite}: ${engine}${setting ? ` (${setting})` : ''} ${metric}: ${where}: ${ms.toFixed(1)} ms`)
    return row
  }

  /** The run is over, its report written. */
  remove(): void {
    if (this.file !== undefined) fs.rmSync(this.file, { force: true })
  }
}

function keyOf(cell: Cell): string {
  const { suite, engine, model, metric, rows, depth, kv, setting, simulatedAcceptance, draftLength } = cell
  return JSON.stringify([suite, engine, model, metric, rows, depth, kv, setting, simulatedAcceptance, draftLength])
}
