import { createInterface } from 'node:readline/promises'
import { RagdraftError } from '../../errors'
import type { Turn } from '../../options'
import type { DocumentSession } from '../../session/document-session'
import type { Command, Invocation } from '../command'
import { askOptions, questionFlags } from '../flags'
import { Interrupted, interruptSignal, UsageError } from '../io'
import { documentInput, modelPath, openDocument } from '../open-document'
import { progressView } from '../progress'
import { citationsText, statsText } from '../report'

/** Asks, printing the answer as it comes. Turns that no longer fit the context leave the history, oldest first, with a word about it. */
async function answerOne({ io, values }: Invocation, document: DocumentSession, question: string, history: Turn[], signal: AbortSignal) {
  const view = progressView(io.stderr)
  try {
    for (;;) {
      try {
        const answer = document.ask(question, { ...askOptions(values), history, onProgress: view.update, signal })
        for await (const delta of answer) {
          view.clear()
          io.stdout.write(delta)
        }
        const result = await answer
        io.stdout.write('\n')
        io.stderr.write(`${citationsText(result)}(${statsText(result.stats)})\n`)
        history.push({ question, answer: result.text })
        return
      } catch (error) {
        const overflow = error instanceof RagdraftError && error.code === 'ERR_CONTEXT_OVERFLOW'
        if (!overflow || history.length === 0) throw error
        history.shift()
        io.stderr.write('(the oldest question no longer fits the context and was left out)\n')
      }
    }
  } finally {
    view.clear()
  }
}

/** One Ctrl-C stops the answer; one at the prompt asks, the second in a row leaves. */
async function converse(invocation: Invocation, document: DocumentSession): Promise<void> {
  const { io } = invocation
  const history: Turn[] = []
  // The prompt is on stderr: stdout carries the answers and nothing else.
  const terminal = io.stdin.isTTY === true && io.stderr.isTTY === true
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal, prompt: '> ' })
  let ended = false
  lines.on('close', () => {
    ended = true
  })
  let answering: AbortController | undefined
  let armed = false
  const onInterrupt = () => {
    if (answering) answering.abort(new Interrupted('the answer was stopped'))
    else if (armed) lines.close()
    else {
      armed = true
      io.stderr.write('\n(Ctrl-C again, or Ctrl-D, to leave)\n')
      lines.prompt()
    }
  }
  lines.on('SIGINT', onInterrupt) // a terminal in raw mode sends no signal
  const release = io.onInterrupt(onInterrupt)
  try {
    lines.prompt()
    for await (const line of lines) {
      armed = false
      if (line.trim() !== '') {
        answering = new AbortController()
        try {
          await answerOne(invocation, document, line.trim(), history, answering.signal)
        } catch (error) {
          if (!(error instanceof Interrupted)) throw error
          io.stdout.write('\n')
          io.stderr.write('(stopped)\n')
        } finally {
          answering = undefined
        }
      }
      if (!ended) lines.prompt()
    }
  } finally {
    release()
    lines.close()
  }
}

export const chat: Command = {
  name: 'chat',
  operands: ['FILE'],
  summary: 'Read a text file once, then answer questions from standard input, one per line.',
  flags: [...questionFlags, 'help'],
  notes: 'Earlier questions and answers stay in the conversation. Ctrl-C stops an answer, twice at the prompt leaves.',
  async run(invocation) {
    const { io, positionals } = invocation
    const file = positionals[0]!
    if (file === '-') throw new UsageError('chat reads the questions from standard input: the document must be a file')
    const path = modelPath(invocation)
    askOptions(invocation.values)
    const interrupt = interruptSignal(io)
    const view = progressView(io.stderr)
    const input = await documentInput(invocation, file, interrupt.signal)
    const opened = await openDocument(invocation, { modelPath: path, input }, view, interrupt.signal).finally(interrupt.release)
    try {
      await converse(invocation, opened.document)
      return 0
    } finally {
      await opened.close()
    }
  },
}
