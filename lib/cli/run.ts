/** The command line without the process: arguments in, exit code out. */
import { types } from 'node:util'
import { RagdraftError } from '../errors'
import { ownPackage } from '../package-root'
import type { Command } from './command'
import { ask } from './commands/ask'
import { build } from './commands/build'
import { cache } from './commands/cache'
import { chat } from './commands/chat'
import { demo } from './commands/demo'
import { gpus } from './commands/gpus'
import { inspect } from './commands/inspect'
import { flagHelp, parseFlags } from './flags'
import { Interrupted, type Io, type Library, UsageError } from './io'

const commands: readonly Command[] = [ask, chat, inspect, gpus, cache, demo, build]

/** 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const

function usageLine(command: Command): string {
  return `ragdraft ${[command.name, ...command.operands].join(' ')} [options]`
}

function overview(): string {
  const lines = commands.map((c) => `  ${[c.name, ...c.operands].join(' ').padEnd(20)}${c.summary}`)
  return [
    'Usage: ragdraft COMMAND [options]',
    '',
    'Answers questions about long texts with local language models.',
    '',
    ...lines,
    '',
    '  --help, -h          This help; after a command, the help of the command.',
    '  --version, -v       The version.',
    '',
  ].join('\n')
}

function commandHelp(command: Command): string {
  const parts = [`Usage: ${usageLine(command)}`, command.summary, flagHelp(command.flags), command.notes ?? '']
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

function version(): string {
  return ownPackage().version
}

async function dispatch(args: readonly string[], io: Io, library: Library): Promise<number> {
  const [name, ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(overview())
    return exitCodes.ok
  }
  if (name === '--version' || name === '-v') {
    io.stdout.write(`${version()}\n`)
    return exitCodes.ok
  }
  const command = commands.find((c) => c.name === name)
  if (!command) throw new UsageError(name === undefined ? 'no command given' : `"${name}" is not a command`)
  const { values, positionals } = parseFlags(rest, command.flags)
  if (values.help) {
    io.stdout.write(commandHelp(command))
    return exitCodes.ok
  }
  if (positionals.length !== command.operands.length) {
    const wanted = command.operands.length === 0 ? 'no arguments' : command.operands.join(' and ')
    throw new UsageError(`${command.name} takes ${wanted}, got ${positionals.length}: ${usageLine(command)}`)
  }
  return command.run({ io, library, values, positionals })
}

/** What lies behind an error, a line each; not what its message says already. */
function causesOf({ message, cause }: Error): string {
  if (!types.isNativeError(cause)) return ''
  const line = message.includes(cause.message) ? '' : `  caused by: ${cause.message.trimEnd().replaceAll('\n', '\n  ')}\n`
  return line + causesOf(cause)
}

/** Runs one command. Never throws for what a user, a file or a model did: the message goes to stderr, the code says which. */
export async function run(args: readonly string[], io: Io, library: Library): Promise<number> {
  try {
    return await dispatch(args, io, library)
  } catch (error) {
    if (error instanceof Interrupted) {
      io.stderr.write('ragdraft: interrupted\n')
      return exitCodes.interrupted
    }
    if (error instanceof UsageError) {
      io.stderr.write(`ragdraft: ${error.message}\nTry "ragdraft --help".\n`)
      return exitCodes.usage
    }
    if (error instanceof RagdraftError) {
      io.stderr.write(`ragdraft: ${error.code}: ${error.message}\n${causesOf(error)}`)
      return exitCodes.failure
    }
    io.stderr.write(`ragdraft: ${types.isNativeError(error) ? (error.stack ?? error.message) : String(error)}\n`)
    return exitCodes.failure
  }
}
