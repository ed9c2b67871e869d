import { askOptions } from '../../options/ask'
import { loadOptions } from '../../options/load'
import { openOptions } from '../../options/open'
import type { Command } from '../command'
import { flagsOf, helpFlag, jsonFlag } from '../flags'
import { interruptSignal } from '../io'
import { openDocument } from '../open-document'
import { progressView } from '../progress'
import { askOptionsFrom } from '../question-flags'
import { citationsText, offsetsNote, resultJson, statsText, withReading } from '../report'

// The model would go on copying the book: the hidden sentence is a paragraph of its own.
const paragraphEnd = ['\n\n']

export const demo: Command = {
  name: 'demo',
  operands: [],
  summary: 'Asks a built-in model about a built-in book. Nothing is downloaded.',
  flags: [
    ...flagsOf(askOptions, ['mode', 'draftLength']),
    ...flagsOf(openOptions, ['kv']),
    ...flagsOf(loadOptions, ['threads', 'device']),
    { name: 'model-only', help: "Make the demo's model if need be, print its path and stop." },
    jsonFlag,
    helpFlag,
  ],
  notes: [
    'The built-in model is constructed, not trained: it finds where the words of the question occur in its context and copies what follows. So it shows the whole pipeline at work on a real book, with an answer that is known in advance; the exit code is 1 if the answer is not that.',
    offsetsNote,
  ],
  async run(invocation) {
    const { io, out, err, library, values } = invocation
    const options = askOptionsFrom(values)
    const { signal, release } = interruptSignal(io)
    try {
      const modelPath = await library.ensureDemoModel()
      signal.throwIfAborted()
      if (values['model-only']) {
        out(values.json ? `${JSON.stringify({ model: modelPath })}\n` : `${modelPath}\n`)
        return 0
      }
      const book = library.demoBook()
      const length = book.text.length.toLocaleString('en')
      err(`Asks a small model about a sentence hidden in a book of ${length} characters.\n\n`)
      const view = progressView(io.stderr)
      const opened = await openDocument(invocation, { modelPath, text: book.text }, view, signal)
      try {
        const answer = opened.document.ask(book.question, { ...options, stop: paragraphEnd, onProgress: view.update, signal })
        const result = withReading(await answer, opened.document)
        view.clear()
        const correct = result.text.trim() === book.answer.trim()
        err(`\nQuestion: ${book.question} ...\nAnswer:   `)
        out(values.json ? `${resultJson(result)}\n` : `${result.text.trim()}\n`)
        err(`\nCited from the book, [start, end) in its text:\n${citationsText(result) || '  nothing\n'}\n${statsText(result, opened)}\n`)
        if (!correct) {
          err(`ragdraft: the answer should be ${JSON.stringify(book.answer.trim())}\n`)
          return 1
        }
        err('This is how the hidden sentence goes on. (The model copies, it has learnt nothing.)\n')
        err('Now with a text and a GGUF model of yours:\n  npx ragdraft chat FILE.txt --model MODEL.gguf\n')
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
