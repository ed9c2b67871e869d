/** How results look: the text on stderr after an answer, and the JSON object. */

import type { DocumentSession } from '../api/document-session'
import type { Model, ModelInfo } from '../api/model'
import type { AnswerResult, AnswerStats } from '../pipeline/answer-result'
import { sizeText } from './size'
import { type Row, table } from './table'

const count = (value: number) => value.toLocaleString('en')
const counted = (value: number, what: string) => `${count(value)} ${what}${value === 1 ? '' : 's'}`
const time = (ms: number) =>
  ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`
const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`
const round = (value: number) => Math.round(value * 1000) / 1000

/** What was read before, and what it takes in memory. */
export interface Context {
  readonly model: Pick<Model, 'info'>
  readonly document: Pick<DocumentSession, 'promptTokens' | 'contextTokens' | 'kv' | 'kvBytes'>
}

/** "Qwen2.5 7B Instruct (qwen2, Q8_0, 7.62 GB)" */
export function modelText({ name, path, architecture, quantization, fileBytes }: ModelInfo): string {
  return `${name ?? path} (${[architecture, quantization[0]?.type, sizeText(fileBytes)].filter(Boolean).join(', ')})`
}

/** "cpu/avx512, 8 threads (cuda: no NVIDIA driver)" */
export function deviceText({ backend, threads, deviceName, deviceReason }: ModelInfo): string {
  const facts = deviceName === undefined ? [backend, counted(threads, 'thread')] : [deviceName, backend]
  return `${facts.join(', ')}${deviceReason === undefined ? '' : ` (${deviceReason})`}`
}

export function memoryText({ model: { info }, document }: Context): string {
  const weights = `${sizeText(info.weightBytes + info.draftCopyBytes)} of weights`
  return document.kvBytes > 0 ? `${weights}, ${sizeText(document.kvBytes)} of keys and values (${document.kv})` : weights
}

const drafters: Record<AnswerStats['drafter']['kind'], string> = {
  self: 'the model',
  'self-q4': 'the model (4 bits)',
  model: 'the drafter',
  none: 'nobody',
}

function roundsText({ drafter, speculation }: AnswerStats): string {
  const kinds: [number, string][] = [
    [speculation.roundsModel, `drafted by ${drafters[drafter.kind]}`],
    [speculation.roundsNgram, 'from repeated text'],
    [speculation.roundsCascade, 'from both'],
    [speculation.roundsOff, 'without a draft'],
    [speculation.roundsOnDevice, 'of all on the GPU alone'],
  ]
  return kinds.flatMap(([n, kind]) => (n > 0 ? [`${count(n)} ${kind}`] : [])).join(', ')
}

/** What cut an answer short; undefined for one that came to its end. */
function cutText({ finishReason, stats }: AnswerResult, { document }: Context): string | undefined {
  if (finishReason === 'length') return `after ${counted(stats.decodeTokens, 'token')}: a larger --max-tokens lets it go on`
  if (finishReason === 'context') return `the context of ${count(document.contextTokens)} tokens is full: a larger --context lets it go on`
  return undefined
}

function readRow({ stats }: AnswerResult, { document }: Context, followUp: boolean): Row {
  const excerpts = stats.mode === 'rag' ? stats.draftPromptTokens : 0
  const tokens = excerpts || stats.promptTokens - (followUp ? document.promptTokens : 0)
  const what = excerpts > 0 ? 'tokens of question and excerpts' : followUp ? 'new tokens' : 'tokens'
  const before = followUp && excerpts === 0 ? `, after ${count(document.promptTokens)} that were read before` : ''
  return ['read', `${count(tokens)} ${what} in ${time(stats.prefillMs)}${before}`]
}

/**
 * What an answer cost, a line each.
 * @param followUp the document was read before, for an earlier question as well: only what was new is told, and not what stays the same
 */
export function statsText(result: AnswerResult, context: Context, { followUp = false } = {}): string {
  const { stats } = result
  const drafted = stats.drafted > 0
  return table([
    ['mode', followUp ? undefined : stats.mode],
    readRow(result, context, followUp),
    [
      'answered',
      stats.decodeTokens === 0
        ? 'nothing: the model ended its answer at once'
        : `${counted(stats.decodeTokens, 'token')} at ${stats.decodeTokensPerSecond.toFixed(1)} tokens/s, the first after ${time(stats.timeToFirstTokenMs)}`,
    ],
    [
      'drafted',
      drafted
        ? `${counted(stats.drafted, 'token')}, ${count(stats.accepted)} accepted (${percent(stats.accepted, stats.drafted)})`
        : undefined,
    ],
    ['rounds', drafted ? roundsText(stats) : undefined],
    ['memory', followUp ? undefined : memoryText(context)],
    ['cut', cutText(result, context)],
  ])
}

/** The quotes with their offsets, one per line; "" without any. */
export function citationsText(result: AnswerResult): string {
  return result.citations.map(({ start, end, text }) => `  [${start}, ${end})  ${JSON.stringify(text)}\n`).join('')
}

/** What the help says of the offsets that are printed. */
export const offsetsNote =
  'Offsets are half-open and count UTF-16 code units of the text, as JavaScript strings do: a character beyond U+FFFF, such as an emoji, counts as two, a byte order mark is not counted, and CRLF counts as two.'

/** The one object that --json prints, on one line. Its keys are a contract. */
export function resultJson({ text, citations, chunks, finishReason, stats }: AnswerResult): string {
  const { prefillMs, timeToFirstTokenMs, decodeTokensPerSecond, ...rest } = stats
  return JSON.stringify({
    text,
    citations: citations.map((c) => ({ start: c.start, end: c.end, text: c.text })),
    chunks: chunks.map((c) => ({ start: c.start, end: c.end, score: c.score })),
    finishReason,
    stats: {
      mode: rest.mode,
      promptTokens: rest.promptTokens,
      draftPromptTokens: rest.draftPromptTokens,
      prefillMs: round(prefillMs),
      timeToFirstTokenMs: round(timeToFirstTokenMs),
      decodeTokens: rest.decodeTokens,
      decodeTokensPerSecond: round(decodeTokensPerSecond),
      rounds: rest.rounds,
      drafted: rest.drafted,
      accepted: rest.accepted,
      acceptedByPosition: rest.acceptedByPosition,
      drafter: rest.drafter,
    },
  })
}

/** The result of a command that read the document for this one question: its times include the reading. */
export function withReading(result: AnswerResult, reading: { readMs: number; prefillMs: number }): AnswerResult {
  const { prefillMs, timeToFirstTokenMs } = result.stats
  return {
    ...result,
    stats: { ...result.stats, prefillMs: prefillMs + reading.prefillMs, timeToFirstTokenMs: timeToFirstTokenMs + reading.readMs },
  }
}
