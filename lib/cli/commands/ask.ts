import type { Command } from '../command'
import { helpFlag, jsonFlag } from '../flags'
import { interruptSignal, UsageError } from '../io'
import { openDocument } from '../open-document'
import { progressView } from '../progress'
import { askOptionsFrom, modelPath, questionFlags } from '../question-flags'
import { citationsText, offsetsNote, resultJson, statsText, withReading } from '../report'

export const ask: Command = {
  name: 'ask',
  operands: ['FILE', 'QUESTION'],
  summary: 'Reads a text file ("-" is standard input) and answers one question about it.',
  flags: [...questionFlags, jsonFlag, helpFlag],
  notes: [
    'The answer is on standard output. Progress, citations and statistics are on standard error; an answer that was cut says so there, and in the "finishReason" of --json.',
    `Citations are [start, end). ${offsetsNote}`,
    'Times include the reading of the document.',
  ],
  async run(invocation) {
    const { io, out, err, values, positionals } = invocation
    const [file, question] = positionals as [string, string]
    const options = askOptionsFrom(values)
    const path = modelPath(values)
    if (question.trim() === '') throw new UsageError('QUESTION is empty')
    const view = progressView(io.stderr)
    const { signal, release } = interruptSignal(io)
    try {
      const opened = await openDocument(invocation, { modelPath: path, file }, view, signal)
      try {
        const answer = opened.document.ask(question, { ...options, onProgress: view.update, signal })
        if (!values.json) {
          for await (const delta of answer) {
            view.clear()
            out(delta)
          }
        }
        const result = withReading(await answer, opened.document)
        view.clear()
        out(values.json ? `${resultJson(result)}\n` : '\n')
        if (!values.json) err(`${citationsText(result)}${statsText(result, opened)}`)
        return 0
      } finally {
        view.clear()
        await opened.close()
      }
    } finally {
      release()
    }
  },
}
