import * as path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { RagdraftError } from '../../base/errors'
import type { Command, Invocation } from '../command'
import { Conversation } from '../conversation'
import { failureText } from '../failure'
import { helpFlag } from '../flags'
import { Interrupted, interruptSignal, UsageError } from '../io'
import { type Opened, openDocument } from '../open-document'
import { progressView } from '../progress'
import { askOptionsFrom, modelPath, questionFlags } from '../question-flags'
import { deviceText, memoryText, modelText, offsetsNote } from '../report'
import { table } from '../table'

const slashCommands = {
  help: 'shows these commands',
  clear: 'forgets the conversation; the document stays read',
  exit: 'leaves, as /quit, Ctrl-D and Ctrl-C twice do',
} as const

const slashHelp = `${table(
  Object.entries(slashCommands).map(([name, help]) => [`/${name}`, help]),
)}Anything else is a question. One that begins with a slash is written with two: //etc/hosts ...
`

/** What a failed question leaves unusable: the conversation cannot go on. */
const final: readonly string[] = ['ERR_CLOSED', 'ERR_DEVICE_FAILED']

function banner({ values, positionals }: Invocation, opened: Opened): string {
  const { model, document } = opened
  const { documentTokens, contextTokens } = document
  const rows = table([
    ['model', modelText(model.info)],
    ['device', deviceText(model.info)],
    [
      'document',
      `${path.basename(positionals[0]!)}, ${documentTokens.toLocaleString('en')} tokens, in a context of ${contextTokens.toLocaleString('en')}`,
    ],
    ['mode', `${values.mode ?? 'lossless'}`],
    ['memory', memoryText(opened)],
  ])
  return `\n${rows}\nType a question. /help tells what else there is, /exit leaves.\n`
}

/** @returns whether all questions of the input were answered */
async function converse(invocation: Invocation, opened: Opened): Promise<boolean> {
  const { io, err } = invocation
  const conversation = new Conversation(invocation, opened)
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
      err('\n(Ctrl-C again, or Ctrl-D, to leave)\n')
      lines.prompt()
    }
  }
  let allAnswered = true
  const ask = async (question: string) => {
    answering = new AbortController()
    try {
      await conversation.ask(question, answering.signal)
    } catch (error) {
      if (error instanceof Interrupted) {
        err('(stopped)\n')
        return
      }
      if (!(error instanceof RagdraftError) || final.includes(error.code)) throw error
      allAnswered = false
      err(`${failureText(error)}\n(This question was not answered. The conversation goes on without it.)\n`)
    } finally {
      answering = undefined
    }
  }
  /** @returns whether to go on */
  const take = async (line: string): Promise<boolean> => {
    const [word] = line.split(/\s/)
    if (!line.startsWith('/') || line.startsWith('//')) await ask(line.replace(/^\/\//, '/'))
    else if (word === '/exit' || word === '/quit') return false
    else if (word === '/help') err(slashHelp)
    else if (word === '/clear') {
      conversation.clear()
      err('(The conversation is forgotten. The document stays read.)\n')
    } else err(`"${word}" is not a command; it was not sent to the model. The commands are:\n${slashHelp}`)
    return true
  }
  lines.on('SIGINT', onInterrupt) // a terminal in raw mode sends no signal
  const release = io.onInterrupt(onInterrupt)
  try {
    lines.prompt()
    for await (const line of lines) {
      armed = false
      if (line.trim() !== '' && !(await take(line.trim()))) break
      if (!ended) lines.prompt()
    }
    if (terminal && ended) err('\n') // the prompt stands there still
  } finally {
    release()
    lines.close()
  }
  return allAnswered
}

export const chat: Command = {
  name: 'chat',
  operands: ['FILE'],
  summary: 'Reads a text file once, then answers questions from standard input, one per line.',
  flags: [...questionFlags, helpFlag],
  notes: [
    'Earlier questions and answers stay in the conversation until /clear; /help tells the commands. Ctrl-C stops an answer, and twice at the prompt leaves.',
    `The answers are on standard output, all else is on standard error. ${offsetsNote}`,
    'A question that fails does not end the conversation. Where the questions come from a file or a pipe, the exit code is then 1.',
  ],
  async run(invocation) {
    const { io, err, positionals, values } = invocation
    const file = positionals[0]!
    if (file === '-') throw new UsageError('chat reads the questions from standard input: the document must be a file')
    askOptionsFrom(values)
    const source = { modelPath: modelPath(values), file }
    const interrupt = interruptSignal(io)
    const opened = await openDocument(invocation, source, progressView(io.stderr), interrupt.signal).finally(interrupt.release)
    try {
      err(banner(invocation, opened))
      return (await converse(invocation, opened)) || io.stdin.isTTY ? 0 : 1
    } finally {
      await opened.close()
    }
  },
}
