/** Shows progress on stderr: a bar on a terminal, a line now and then in a pipe. Nothing of it is ever on stdout. */
import type { Progress } from '../options'
import type { Io } from './io'

const labels: Record<Progress['phase'], string> = {
  load: 'Loading the model',
  tokenize: 'Tokenizing',
  index: 'Indexing',
  'prefill-target': 'Reading',
  'prefill-drafter': 'Drafter reads',
}
const units: Record<Progress['phase'], string> = {
  load: 'MB',
  tokenize: 'characters',
  index: 'characters',
  'prefill-target': 'tokens',
  'prefill-drafter': 'tokens',
}
const barCells = 24
const redrawMs = 80
const lineMs = 5000

function amount(phase: Progress['phase'], value: number): string {
  return (phase === 'load' ? Math.round(value / 1e6) : value).toLocaleString('en')
}

function describe({ phase, processed, total }: Progress): string {
  const percent = total > 0 ? Math.floor((100 * processed) / total) : 100
  return `${String(percent).padStart(3)} %  ${amount(phase, processed)} / ${amount(phase, total)} ${units[phase]}`
}

export interface ProgressView {
  update(progress: Progress): void
  /** Ends the bar's line before other text is printed. */
  clear(): void
}

export function progressView(stderr: Io['stderr'], now: () => number = () => performance.now()): ProgressView {
  let phase: Progress['phase'] | undefined
  let shown = Number.NEGATIVE_INFINITY
  let drawn = false
  const clear = () => {
    if (drawn) stderr.write('\r\x1b[2K')
    drawn = false
  }
  return {
    clear,
    update(progress) {
      const finished = progress.processed >= progress.total
      // A question's own part of the target's prompt is short: in a pipe it is worth a line only if it takes long.
      const worthy = stderr.isTTY ? progress.phase !== phase || finished : finished && !progress.cached
      if (!worthy && now() - shown < (stderr.isTTY ? redrawMs : lineMs)) return
      phase = progress.phase
      shown = now()
      const label = labels[progress.phase]
      if (!stderr.isTTY) {
        stderr.write(`${label}: ${describe(progress).trim()}\n`)
        return
      }
      const full = progress.total > 0 ? Math.round((barCells * progress.processed) / progress.total) : barCells
      const line = `${label.padEnd(18)}[${'#'.repeat(full)}${'.'.repeat(barCells - full)}] ${describe(progress)}`
      stderr.write(`\r\x1b[2K${line.slice(0, (stderr.columns ?? 80) - 1)}`)
      drawn = true
      if (finished) {
        stderr.write('\n')
        drawn = false
      }
    },
  }
}
