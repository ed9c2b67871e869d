import type { Command } from '../command'
import { askOptions } from '../flags'
import { interruptSignal } from '../io'
import { openDocument } from '../open-document'
import { progressView } from '../progress'
import { citationsText, resultJson, statsText, withReading } from '../report'

// The model would go on copying the book: the hidden sentence is a paragraph of its own.
const paragraphEnd = ['\n\n']

export const demo: Command = {
  name: 'demo',
  operands: [],
  summary: 'Ask a built-in model about a built-in book: nothing to download, nothing to configure.',
  flags: ['mode', 'draft-length', 'kv', 'threads', 'device', 'model-only', 'json', 'help'],
  notes:
    'The built-in model is constructed, not trained: it finds where the words of the question occur in its context and copies what follows.\n' +
    'So it shows the whole pipeline at work on a real book, with an answer that is known in advance; it exits with 1 if the answer is not that.',
  async run(invocation) {
    const { io, library, values } = invocation
    const options = askOptions(values)
    const { signal, release } = interruptSignal(io)
    try {
      const modelPath = await library.ensureDemoModel()
      signal.throwIfAborted()
      if (values['model-only']) {
        io.stdout.write(values.json ? `${JSON.stringify({ model: modelPath })}\n` : `${modelPath}\n`)
        return 0
      }
      const book = library.demoBook()
      io.stderr.write(
        `Model:    ${modelPath}\nBook:     ${book.text.length.toLocaleString('en')} characters with one sentence hidden in it\nQuestion: ${book.question}\n`,
      )
      const view = progressView(io.stderr)
      const opened = await openDocument(invocation, { modelPath, input: { text: book.text } }, view, signal)
      try {
        const answer = opened.document.ask(book.question, { ...options, stop: paragraphEnd, onProgress: view.update, signal })
        const result = withReading(await answer, opened.document)
        view.clear()
        const correct = result.text.trim() === book.answer.trim()
        if (values.json) io.stdout.write(`${resultJson(result)}\n`)
        else io.stdout.write(`${result.text.trim()}\n`)
        io.stderr.write(
          `Citations in the book, as [start, end) in characters:\n${citationsText(result) || '  none\n'}${statsText(result.stats)}\n`,
        )
        io.stderr.write(
          correct ? 'This is the rest of the hidden sentence.\n' : `ragdraft: the answer should be ${JSON.stringify(book.answer.trim())}\n`,
        )
        return correct ? 0 : 1
      } finally {
        view.clear()
        await opened.close()
      }
    } finally {
      release()
    }
  },
}
