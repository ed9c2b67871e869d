import type { Command } from '../command'
import { askOptions, questionFlags } from '../flags'
import { interruptSignal, UsageError } from '../io'
import { documentInput, modelPath, openDocument } from '../open-document'
import { progressView } from '../progress'
import { citationsText, resultJson, statsText, withReading } from '../report'

export const ask: Command = {
  name: 'ask',
  operands: ['FILE', 'QUESTION'],
  summary: 'Read a text file ("-": standard input) and answer one question about it.',
  flags: [...questionFlags, 'json', 'help'],
  notes:
    'The answer is on standard output; progress, citations ([start, end) in characters) and statistics are on standard error.\n' +
    'The times include reading the document: prefillMs is the prefill of the document and of the question.',
  async run(invocation) {
    const { io, values, positionals } = invocation
    const [file, question] = positionals as [string, string]
    const options = askOptions(values)
    const path = modelPath(invocation)
    if (question.trim() === '') throw new UsageError('QUESTION is empty')
    const view = progressView(io.stderr)
    const { signal, release } = interruptSignal(io)
    try {
      const input = await documentInput(invocation, file, signal)
      const opened = await openDocument(invocation, { modelPath: path, input }, view, signal)
      try {
        const answer = opened.document.ask(question, { ...options, onProgress: view.update, signal })
        if (!values.json) {
          for await (const delta of answer) {
            view.clear()
            io.stdout.write(delta)
          }
        }
        const result = withReading(await answer, opened.document)
        view.clear()
        io.stdout.write(values.json ? `${resultJson(result)}\n` : '\n')
        if (!values.json) io.stderr.write(`${citationsText(result)}${statsText(result.stats)}\n`)
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
