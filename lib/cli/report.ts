/** How results look: the text on stderr behind an answer, and the JSON object. */
import type { AnswerResult, AnswerStats } from '../session/answer'
import { speculationText } from '../session/speculation'

const ms = (value: number) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`)
const round = (value: number) => Math.round(value * 1000) / 1000

export function statsText(stats: AnswerStats): string {
  const tokens = [
    stats.promptTokens > 0 ? `${stats.promptTokens.toLocaleString('en')} prompt tokens` : '',
    stats.draftPromptTokens > 0 ? `${stats.draftPromptTokens.toLocaleString('en')} for the drafter` : '',
  ]
  const drafts =
    stats.drafted > 0
      ? [
          `${stats.rounds} rounds`,
          `${stats.accepted} of ${stats.drafted} drafted tokens accepted (${Math.round((100 * stats.accepted) / stats.drafted)} %)`,
        ]
      : []
  return [
    `mode ${stats.mode}`,
    ...(stats.drafter.kind === 'none' ? [] : [`drafter ${stats.drafter.kind}`]),
    ...tokens.filter(Boolean),
    `prefill ${ms(stats.prefillMs)}`,
    `first token after ${ms(stats.timeToFirstTokenMs)}`,
    `${stats.decodeTokens} tokens at ${stats.decodeTokensPerSecond.toFixed(1)}/s`,
    ...drafts,
    ...[speculationText(stats.speculation)].filter(Boolean),
  ].join(', ')
}

/** The quotes with their offsets, one per line; "" without any. */
export function citationsText(result: AnswerResult): string {
  return result.citations.map(({ start, end, text }) => `  [${start}, ${end}) ${JSON.stringify(text)}\n`).join('')
}

/** The one object that --json prints, on one line. Its keys are a contract. */
export function resultJson({ text, citations, chunks, stats }: AnswerResult): string {
  const { prefillMs, timeToFirstTokenMs, decodeTokensPerSecond, ...rest } = stats
  return JSON.stringify({
    text,
    citations: citations.map((c) => ({ start: c.start, end: c.end, text: c.text })),
    chunks: chunks.map((c) => ({ start: c.start, end: c.end, score: c.score })),
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
