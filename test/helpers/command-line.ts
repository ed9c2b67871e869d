/** A command line with streams, library and Ctrl-C of its own, over a binding without native code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { inspectModelWith } from '../../lib/api/inspect-model'
import { listGpusWith } from '../../lib/api/list-gpus'
import { loadModelWith } from '../../lib/api/load-model'
import type { Io, Library } from '../../lib/cli/io'
import { run } from '../../lib/cli/run'
import { FakeBinding, fakeContents } from './fake-binding'

delete process.env.RAGDRAFT_CUDA // scripts/test.cjs sets it

export const filler = Array.from({ length: 40 }, (_, i) => `Line ${i} of the log says that pump ${i * 7} ran dry at noon.\n\n`).join('')
export const needle = 'The spare fuse is kept in a tin behind the engine room clock.'
export const question = 'The spare fuse is kept in'
export const answer = needle.slice(question.length)
export const text = `${filler}${needle}\n\n${filler}`

const folder = mkdtempSync(path.join(os.tmpdir(), 'ragdraft-cli-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** The path of a file of this content. */
export function fileOf(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}
export const file = fileOf('log.txt', text)
export const base = ['ask', file, question, '--model', 'm.gguf', '--stop', '\n\n'] as const

const models = () => ({ 'm.gguf': fakeContents(), 'd.gguf': fakeContents(), 'x.gguf': fakeContents({ tokens: { 257: '<|end|>' } }) })

export type CommandLine = ReturnType<typeof commandLine>

/** @param terminal whether stdout and stderr are one, as to `isTTY` */
export function commandLine({ binding = new FakeBinding(models()), terminal = false } = {}) {
  const output = { stdout: '', stderr: '' }
  let waiting = () => {}
  const stream = (name: keyof typeof output) => {
    const through = new PassThrough()
    through.on('data', (part) => {
      output[name] += part
      waiting()
    })
    return Object.assign(through, terminal ? { isTTY: true, columns: 200 } : {})
  }
  const interrupts = new Set<() => void>()
  const stdin = new PassThrough()
  const io: Io = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    stdin,
    onInterrupt: (listener) => {
      interrupts.add(listener)
      return () => void interrupts.delete(listener)
    },
  }
  const book = { text, question, answer, needle: { start: filler.length, end: filler.length + needle.length, text: needle } }
  const library: Library = {
    loadModel: (path, options) => loadModelWith(binding, path, options),
    inspectModel: (path, options) => inspectModelWith(binding, path, options),
    listGpus: () => listGpusWith(binding),
    ensureDemoModel: async () => 'm.gguf',
    demoBook: () => book,
  }
  return {
    binding,
    book,
    output,
    stdin,
    interrupts,
    run: (...args: string[]) => run(args, io, library),
    interrupt: () => {
      for (const listener of [...interrupts]) listener()
    },
    /** Until a stream has shown this text. */
    shown: (name: keyof typeof output, part: string) =>
      new Promise<void>((resolve) => {
        waiting = () => {
          if (!output[name].includes(part)) return
          waiting = () => {}
          resolve()
        }
        waiting()
      }),
  }
}

/** Streams deliver on later turns. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

export async function result(cli: CommandLine, ...args: readonly string[]) {
  const code = await cli.run(...args)
  await settled()
  return { code, ...cli.output }
}

export function assertClean(t: Test, cli: CommandLine) {
  t.equal(cli.binding.models.size + cli.binding.sequences.size, 0, 'every handle is closed')
  t.equal(cli.interrupts.size, 0, 'no listener is left')
}
