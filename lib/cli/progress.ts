/** Shows progress on stderr: a bar on a terminal, a line now and then in a pipe. Nothing of it is ever on stdout. */
import type { OnProgress, Progress } from '../options/progress'
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

/** A step as it is shown: of a question, the tokens that are new. */
interface Step {
  readonly label: string
  readonly done: number
  readonly total: number
  readonly unit: string
  /** Of a question: the answer takes the place of its bar. */
  readonly passing: boolean
}

function stepOf({ phase, processed, total, cached = 0 }: Progress, label = labels[phase]): Step {
  const inUnit = (value: number) => (phase === 'load' ? Math.round(value / 1e6) : value)
  const question = phase === 'prefill-target' && cached > 0
  return {
    label: question ? 'Reading the question' : label,
    done: inUnit(processed - cached),
    total: inUnit(total - cached),
    unit: units[phase],
    passing: question || phase === 'prefill-drafter',
  }
}

function amountText({ done, total, unit }: Step, finished: boolean): string {
  const percent = finished ? 100 : total > 0 ? Math.floor((100 * done) / total) : 0
  const count = finished ? total.toLocaleString('en') : `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
  return `${String(percent).padStart(3)} %  ${count} ${unit}`
}

function bar({ done, total }: Step, finished: boolean): string {
  const full = finished || total === 0 ? barCells : Math.round((barCells * done) / total)
  return `[${'#'.repeat(full)}${'.'.repeat(barCells - full)}]`
}

export interface ProgressView {
  update: OnProgress
  /** An `update` that shows another label than that of the phase. */
  named(label: string): OnProgress
  /** Ends the bar's line before other text is printed. */
  clear(): void
}

export function progressView(stderr: Io['stderr'], now: () => number = () => performance.now()): ProgressView {
  const terminal = stderr.isTTY === true
  const finishedLabels = new Set<string>()
  let current: string | undefined
  let shown = now()
  let drawn = false
  const clear = () => {
    if (drawn) stderr.write('\r\x1b[2K')
    drawn = false
  }
  const show = (progress: Progress, label?: string) => {
    const step = stepOf(progress, label)
    const finished = progress.processed >= progress.total
    if (!finished) finishedLabels.delete(step.label) // it began anew
    if (finished && finishedLabels.has(step.label)) return // a step has one last line, however often it is told to be complete
    const due = now() - shown >= (terminal ? redrawMs : lineMs)
    const worthy = terminal ? finished || step.label !== current : finished && step.label !== 'Reading the question'
    if (!due && !worthy) return
    if (finished) finishedLabels.add(step.label)
    current = step.label
    shown = now()
    const amount = amountText(step, finished)
    if (!terminal) {
      stderr.write(`${step.label}: ${amount.trim()}\n`)
      return
    }
    const line = `${step.label.padEnd(21)}${bar(step, finished)} ${amount}`
    stderr.write(`\r\x1b[2K${line.slice(0, (stderr.columns ?? 80) - 1)}`)
    drawn = true
    if (finished && !step.passing) {
      stderr.write('\n')
      drawn = false
    }
  }
  return { clear, update: (progress) => show(progress), named: (label) => (progress) => show(progress, label) }
}
