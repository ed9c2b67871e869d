/** The command line without the process: arguments in, exit code out. */
import * as path from 'node:path'
import { ownPackage } from '../runtime/package-root'
import type { Command } from './command'
import { ask } from './commands/ask'
import { build } from './commands/build'
import { cache } from './commands/cache'
import { chat } from './commands/chat'
import { demo } from './commands/demo'
import { gpus } from './commands/gpus'
import { inspect } from './commands/inspect'
import { failureText } from './failure'
import { flagHelp, parseFlags } from './flags'
import { Interrupted, type Io, type Library, UsageError } from './io'
import { printer } from './printable'
import { type Row, table, wrap } from './table'

const commands: readonly Command[] = [ask, chat, inspect, gpus, cache, demo, build]

/** 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const

function usageLine(command: Command): string {
  return `ragdraft ${[command.name, ...command.operands].join(' ')} [OPTIONS]`
}

function paragraphs(parts: readonly string[], width: number): string {
  return parts.map((part) => `${part.includes('\n') ? part : wrap(part, width)}\n`).join('\n')
}

function overview(width: number): string {
  const { root, bugs } = ownPackage()
  const list = commands.map((c): Row => [[c.name, ...c.operands].join(' '), c.summary])
  const options: Row[] = [
    ['--help, -h', 'Shows this help, or after a command that of the command.'],
    ['--version, -v', 'Prints the version.'],
  ]
  const codes: Row[] = [
    ['0', 'It is done.'],
    ['1', 'It failed. The message begins with a code, such as ERR_FILE_NOT_FOUND.'],
    ['2', 'The command line is wrong.'],
    ['130', 'Ctrl-C ended it.'],
  ]
  return paragraphs(
    [
      'Usage: ragdraft COMMAND [OPTIONS]',
      'Answers questions about long texts with local language models (GGUF files). Nothing leaves this machine.',
      `Commands:\n${table(list, { width }).trimEnd()}`,
      `Options:\n${table(options, { width }).trimEnd()}`,
      `Exit codes:\n${table(codes, { width }).trimEnd()}`,
      'To see it work without a model of your own: ragdraft demo',
      `Documentation: ${path.join(root, 'README.md')}\nQuestions and faults: ${bugs}`,
    ],
    width,
  )
}

function commandHelp(command: Command, width: number): string {
  return paragraphs(
    [`Usage: ${usageLine(command)}`, command.summary, flagHelp(command.flags, width).trimEnd(), ...(command.notes ?? [])],
    width,
  )
}

const widestHelp = 120

async function dispatch(args: readonly string[], io: Io, library: Library): Promise<number> {
  const [name, ...rest] = args
  const [out, err] = [printer(io.stdout), printer(io.stderr)]
  const width = Math.min(io.stdout.columns ?? 100, widestHelp)
  if (name === '--help' || name === '-h' || name === 'help') {
    out(overview(width))
    return exitCodes.ok
  }
  if (name === '--version' || name === '-v') {
    out(`${ownPackage().version}\n`)
    return exitCodes.ok
  }
  const command = commands.find((c) => c.name === name)
  if (!command) throw new UsageError(name === undefined ? 'no command given' : `"${name}" is not a command`)
  const { values, positionals } = parseFlags(`ragdraft ${command.name}`, rest, command.flags)
  if (values.help) {
    out(commandHelp(command, width))
    return exitCodes.ok
  }
  if (positionals.length !== command.operands.length) {
    const wanted = command.operands.length === 0 ? 'no arguments' : command.operands.join(' and ')
    throw new UsageError(`${command.name} takes ${wanted}, got ${positionals.length}: ${usageLine(command)}`)
  }
  return command.run({ io, out, err, library, values, positionals })
}

/** Runs one command. Never throws for what a user, a file or a model did: the message goes to stderr, the code says which. */
export async function run(args: readonly string[], io: Io, library: Library): Promise<number> {
  const err = printer(io.stderr)
  try {
    return await dispatch(args, io, library)
  } catch (error) {
    if (error instanceof Interrupted) {
      err('ragdraft: interrupted\n')
      return exitCodes.interrupted
    }
    if (error instanceof UsageError) {
      const command = commands.find((c) => c.name === args[0])
      err(`ragdraft: ${error.message}\nTry "ragdraft ${command ? `${command.name} ` : ''}--help".\n`)
      return exitCodes.usage
    }
    err(`ragdraft: ${failureText(error)}\n`)
    return exitCodes.failure
  }
}
