import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import type { Io, Library } from '../../lib/cli/io'
import { progressView } from '../../lib/cli/progress'
import { run } from '../../lib/cli/run'
import { inspectModelWith } from '../../lib/session/describe'
import { listGpusWith } from '../../lib/session/list-gpus'
import { loadModelWith } from '../../lib/session/load-model'
import { FakeBinding, fakeContents, nativeError } from './helpers/fake-binding'

const filler = Array.from({ length: 40 }, (_, i) => `Line ${i} of the log says that pump ${i * 7} ran dry at noon.\n\n`).join('')
const needle = 'The spare fuse is kept in a tin behind the engine room clock.'
const question = 'The spare fuse is kept in'
const answer = needle.slice(question.length)
const text = `${filler}${needle}\n\n${filler}`

const folder = mkdtempSync(path.join(os.tmpdir(), 'ragdraft-cli-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'log.txt')
writeFileSync(file, text)

/** A command line with its own streams, library and Ctrl-C. */
function commandLine(
  binding = new FakeBinding({ 'm.gguf': fakeContents(), 'd.gguf': fakeContents(), 'x.gguf': fakeContents({ tokens: { 257: '<|end|>' } }) }),
) {
  const output = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof output) => {
    const through = new PassThrough()
    through.on('data', (part) => {
      output[name] += part
      waiting()
    })
    return through
  }
  let waiting = () => {}
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
  const library: Library = {
    loadModel: (path, options) => loadModelWith(binding, path, options),
    inspectModel: (path, options) => inspectModelWith(binding, path, options),
    listGpus: () => listGpusWith(binding),
    ensureDemoModel: async () => 'm.gguf',
    demoBook: () => ({ text, question, answer, needle: { start: filler.length, end: filler.length + needle.length, text: needle } }),
  }
  return {
    binding,
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
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

async function result(cli: ReturnType<typeof commandLine>, ...args: string[]) {
  const code = await cli.run(...args)
  await settled()
  return { code, ...cli.output }
}

function assertClean(t: Test, cli: ReturnType<typeof commandLine>) {
  t.equal(cli.binding.models.size + cli.binding.sequences.size, 0, 'every handle is closed')
  t.equal(cli.interrupts.size, 0, 'no listener is left')
}

const base = ['ask', file, question, '--model', 'm.gguf', '--stop', '\n\n'] as const

delete process.env.RAGDRAFT_CUDA // scripts/test.cjs sets it

t.test('ask prints the answer alone on stdout, the rest on stderr', async (t) => {
  const cli = commandLine()
  const { code, stdout, stderr } = await result(cli, ...base)
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n`)
  t.match(stderr, /Loading the model: .*\n[\s\S]*Reading: [\s\S]*mode lossless, /)
  const start = text.indexOf(answer.trim())
  t.ok(stderr.includes(`[${start}, ${start + answer.trim().length}) ${JSON.stringify(answer.trim())}`), stderr)
  t.notOk(stderr.includes('\r'), 'no bars in a pipe')
  assertClean(t, cli)
})

t.test('--no-ngram switches n-grams off; the statistics tell how rounds drafted', async (t) => {
  const cli = commandLine()
  const { stderr } = await result(cli, ...base)
  t.equal(cli.binding.requests[0]!.ngram, true)
  t.match(stderr, /rounds: \d+ model/)
  const without = commandLine()
  await result(without, ...base, '--no-ngram')
  t.equal(without.binding.requests[0]!.ngram, false)
})

t.test('ask --json prints exactly one object with the promised keys', async (t) => {
  const cli = commandLine()
  const { code, stdout } = await result(cli, ...base, '--json', '--drafter', 'd.gguf', '--draft-length', '3')
  t.equal(code, 0)
  t.equal(stdout.split('\n').length, 2, 'one line')
  const object = JSON.parse(stdout)
  t.same(Object.keys(object), ['text', 'citations', 'chunks', 'stats'])
  t.equal(object.text, answer)
  t.same(Object.keys(object.citations[0]), ['start', 'end', 'text'])
  t.equal(text.slice(object.citations[0].start, object.citations[0].end), object.citations[0].text)
  t.same(Object.keys(object.chunks[0]), ['start', 'end', 'score'])
  t.same(Object.keys(object.stats), [
    'mode',
    'promptTokens',
    'draftPromptTokens',
    'prefillMs',
    'timeToFirstTokenMs',
    'decodeTokens',
    'decodeTokensPerSecond',
    'rounds',
    'drafted',
    'accepted',
    'acceptedByPosition',
    'drafter',
  ])
  t.same(object.stats.drafter, { kind: 'model', cache: 'own' })
  t.ok(object.stats.timeToFirstTokenMs >= object.stats.prefillMs && object.stats.prefillMs > 0)
  t.equal(cli.binding.loads.length, 2, 'target and drafter')
  t.equal(cli.binding.requests[0]!.draftLength, 3)
  assertClean(t, cli)
})

t.test('flags reach the library', async (t) => {
  const cli = commandLine()
  const flags =
    '--mode exact --eta 20 --draft-length auto --draft-weights full --max-tokens 9 --temperature 0.5 --top-k 40 --top-p 0.9 --min-p 0.1 --context 16000 --kv f32 --threads 3'
  const { code } = await result(cli, ...base, ...flags.split(' '), '--seed', '18446744073709551615')
  t.equal(code, 0)
  const request = cli.binding.requests[0]!
  t.match(request, {
    mode: 'exact',
    transfer: 20,
    draftLength: -1,
    maxTokens: 9,
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.1,
    seed: 2n ** 64n - 1n,
  })
  t.match(request.target, { contextTokens: 16_000, kv: 'f32' })
  t.match(request.drafter, { precision: 'full' })
  t.equal(cli.binding.loads[0]!.threads, 3)
})

t.test('--draft-weights is checked before the document is read, and what drafted is told', async (t) => {
  const unknown = commandLine()
  const { code, stderr } = await result(unknown, ...base, '--draft-weights', 'half')
  t.equal(code, 2)
  t.match(stderr, /--draft-weights must be one of "auto", "full", "q4", got "half"/)
  const useless = commandLine()
  const refused = await result(useless, ...base, '--drafter', 'd.gguf', '--draft-weights', 'q4')
  t.equal(refused.code, 2)
  t.match(refused.stderr, /--draft-weights must not be "q4" beside a drafter/)
  for (const cli of [unknown, useless]) t.equal(cli.binding.prefilled.length, 0)
  t.match((await result(commandLine(), ...base)).stderr, /mode lossless, drafter self-q4, /)
  t.notMatch((await result(commandLine(), ...base, '--mode', 'plain')).stderr, /, drafter/)
})

t.test('--draft-copy is for the model that drafts for itself', async (t) => {
  const cli = commandLine()
  t.match((await result(cli, ...base, '--draft-copy')).stderr, /drafter self-q4, /)
  t.match(cli.binding.loads, [{ draftCopy: true }])
  const useless = commandLine()
  const { code, stderr } = await result(useless, ...base, '--drafter', 'd.gguf', '--draft-copy')
  t.equal(code, 2)
  t.match(stderr, /--draft-copy is of no use beside --drafter/)
  t.same(useless.binding.loads, [])
})

t.test('ask --mode rag does not read the document into the target', async (t) => {
  const cli = commandLine()
  const { code, stdout } = await result(cli, ...base, '--mode', 'rag', '--json')
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { text: answer, stats: { mode: 'rag', promptTokens: 0 } })
  t.equal(cli.binding.prefilled.length, 1, "the drafter's prompt alone")
})

t.test('ask reads the document from stdin where FILE is "-"', async (t) => {
  const cli = commandLine()
  const running = result(cli, 'ask', '-', question, '--model', 'm.gguf', '--max-tokens', '4')
  cli.stdin.end(text)
  t.match(await running, { code: 0, stdout: `${answer.slice(0, 4)}\n` })
  const bytes = commandLine()
  const failing = result(bytes, 'ask', '-', question, '--model', 'm.gguf')
  bytes.stdin.end(Buffer.from([0x41, 0xff]))
  t.match(await failing, { code: 1, stdout: '', stderr: /^ragdraft: ERR_FILE_READ: .*not UTF-8/ })
})

const wrongUsage: [string[], RegExp][] = [
  [[], /no command given/],
  [['sing'], /"sing" is not a command/],
  [['ask', file], /ask takes FILE and QUESTION, got 1/],
  [['ask', file, question], /--model FILE is missing/],
  [['ask', file, ' ', '--model', 'm.gguf'], /QUESTION is empty/],
  [[...base, '--colour'], /Unknown option '--colour'/],
  [[...base, '--mode'], /--mode/],
  [[...base, '--mode', 'fast'], /--mode must be one of "plain", /],
  [[...base, '--eta', 'much'], /--eta must be a number, got "much"/],
  [[...base, '--eta', '2000'], /--eta must be a number from 0 to 1000, got 2000/],
  [[...base, '--draft-length', '17'], /--draft-length must be an integer from 0 to 16 or "auto", got 17/],
  [[...base, '--seed', '1.5'], /--seed must be /],
  [[...base, '--threads', '0'], /--threads must be an integer from 1 to 256, got 0/],
  [[...base, '--context', '70000'], /--context must be an integer from 64 to 65536, got 70000/],
  [[...base, '--kv', 'q2'], /--kv must be one of/],
  [['inspect'], /inspect takes MODEL, got 0/],
  [['chat', '-', '--model', 'm.gguf'], /must be a file/],
  [['demo', 'now'], /demo takes no arguments/],
]
for (const [args, message] of wrongUsage) {
  t.test(`wrong usage is exit code 2: ragdraft ${args.slice(args[0] === 'ask' ? 3 : 0).join(' ')} (${message.source})`, async (t) => {
    const cli = commandLine()
    const { code, stdout, stderr } = await result(cli, ...args)
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, message)
    t.match(stderr, /Try "ragdraft --help"\.\n$/)
    assertClean(t, cli)
  })
}

t.test('failures are exit code 1 with the error code on stderr and nothing on stdout', async (t) => {
  const none = await result(commandLine(), 'ask', file, question, '--model', 'none.gguf', '--json')
  t.match(none, { code: 1, stdout: '', stderr: /ragdraft: ERR_FILE_NOT_FOUND: no such file/ })
  const noText = await result(commandLine(), 'ask', '/nowhere.txt', question, '--model', 'm.gguf')
  t.match(noText, { code: 1, stdout: '', stderr: /ragdraft: ERR_FILE_NOT_FOUND: / })
  const overflow = await result(commandLine(), ...base, '--context', '100')
  t.match(overflow, { code: 1, stdout: '', stderr: /ragdraft: ERR_CONTEXT_OVERFLOW: the document needs \d+ tokens/ })
  const vocabulary = await result(commandLine(), ...base, '--drafter', 'x.gguf')
  t.match(vocabulary, { code: 1, stdout: '', stderr: /ragdraft: ERR_VOCABULARY_MISMATCH: / })
  const device = await result(commandLine(), ...base, '--device', 'cuda')
  t.match(device, { code: 1, stderr: /ragdraft: ERR_DEVICE_UNAVAILABLE: .*no NVIDIA driver here/ })
  const cli = commandLine()
  cli.binding.failures.generate = nativeError('ERR_OUT_OF_MEMORY', 'no memory')
  t.match(await result(cli, ...base, '--json'), { code: 1, stdout: '', stderr: /ragdraft: ERR_OUT_OF_MEMORY: no memory\n$/ })
  assertClean(t, cli)
})

for (const moment of ['Loading', 'Reading', 'Drafter reads']) {
  t.test(`Ctrl-C at "${moment}" stops with exit code 130 and closes everything`, async (t) => {
    const cli = commandLine()
    cli.binding.stepMs = 5
    const running = cli.run(...base, '--mode', 'exact') // in lossless the drafter reads nothing
    await cli.shown('stderr', moment)
    cli.interrupt()
    t.equal(await running, 130)
    await settled()
    t.equal(cli.output.stdout, '')
    t.match(cli.output.stderr, /ragdraft: interrupted\n$/)
    assertClean(t, cli)
  })
}

t.test('inspect prints a description, with --json as one object', async (t) => {
  const plain = await result(commandLine(), 'inspect', 'm.gguf')
  t.equal(plain.code, 0)
  for (const part of [
    'architecture    llama',
    'Q4_K',
    '65,536 tokens',
    '4 heads of 16, 2 for keys',
    'llama3 scaling',
    'gpt2 (llama-bpe)',
    'bos 256',
    'none: a plain prompt',
  ])
    t.ok(plain.stdout.includes(part), part)
  const json = await result(commandLine(), 'inspect', 'm.gguf', '--json')
  t.match(JSON.parse(json.stdout), { architecture: 'llama', contextLength: 65_536, vocab: 258 })
})

t.test('demo asks the built-in book and checks the answer', async (t) => {
  const cli = commandLine()
  const { code, stdout, stderr } = await result(cli, 'demo')
  t.equal(code, 0)
  t.equal(stdout, `${answer.trim()}\n`)
  t.match(stderr, /rest of the hidden sentence/)
  assertClean(t, cli)
  const json = await result(commandLine(), 'demo', '--json', '--mode', 'plain')
  t.equal(json.code, 0)
  t.match(JSON.parse(json.stdout), { stats: { mode: 'plain' }, chunks: [] })
})

t.test('demo exits with 1 if the answer is not the hidden sentence', async (t) => {
  const wrong = filler + needle.replace('clock', 'bell') + filler
  const library: Library = {
    loadModel: (path, options) => loadModelWith(new FakeBinding({ 'm.gguf': fakeContents() }), path, options),
    inspectModel: () => Promise.reject(new Error('unused')),
    listGpus: () => Promise.reject(new Error('unused')),
    ensureDemoModel: async () => 'm.gguf',
    demoBook: () => ({ text: wrong, question, answer, needle: { start: 0, end: 0, text: needle } }),
  }
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()]
  t.equal(await run(['demo'], { stdout, stderr, stdin, onInterrupt: () => () => {} }, library), 1)
  t.match(String(stderr.read()), /ragdraft: the answer should be "a tin behind the engine room clock\."/)
})

t.test('demo --model-only prints the path of the model', async (t) => {
  t.match(await result(commandLine(), 'demo', '--model-only'), { code: 0, stdout: 'm.gguf\n', stderr: '' })
  t.match(await result(commandLine(), 'demo', '--model-only', '--json'), { code: 0, stdout: '{"model":"m.gguf"}\n' })
})

const chat = ['chat', file, '--model', 'm.gguf', '--stop', '\n\n']

t.test('chat answers line by line and keeps the conversation', async (t) => {
  const cli = commandLine()
  const running = result(cli, ...chat)
  cli.stdin.end(`${question}\n\nWhat of pump 21 ran\n`)
  const { code, stdout, stderr } = await running
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n dry at noon.\n`)
  t.equal(cli.binding.loads.length, 1)
  t.ok(
    cli.binding.prompts[1]!.target!.length > cli.binding.prompts[0]!.target!.length + answer.length,
    'the first turn is in the second prompt',
  )
  t.match(stderr, /> /)
  assertClean(t, cli)
})

t.test('chat leaves the oldest turn out when the context is full, and says so', async (t) => {
  const cli = commandLine()
  const probe = await loadModelWith(cli.binding, 'm.gguf')
  const { promptTokens } = await probe.open(text)
  await probe.close()
  const running = result(cli, ...chat, '--context', String(promptTokens + 90))
  cli.stdin.end(`${question}\n${question}\n`)
  const { code, stdout, stderr } = await running
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n${answer}\n`)
  t.match(stderr, /oldest question no longer fits/)
})

t.test('Ctrl-C in chat stops the answer; at the prompt, twice leaves', async (t) => {
  const cli = commandLine()
  cli.binding.stepMs = 5
  const running = cli.run(...chat)
  await cli.shown('stderr', '> ')
  cli.stdin.write(`${question}\n`)
  await cli.shown('stdout', answer.slice(0, 3))
  cli.interrupt()
  await cli.shown('stderr', '(stopped)')
  t.not(cli.output.stdout.trim(), answer.trim())
  cli.interrupt()
  await cli.shown('stderr', 'Ctrl-C again')
  cli.interrupt()
  t.equal(await running, 0)
  assertClean(t, cli)
})

t.test('--help and --version', async (t) => {
  const help = await result(commandLine(), '--help')
  t.equal(help.code, 0)
  for (const command of ['ask FILE QUESTION', 'chat FILE', 'inspect MODEL', 'gpus', 'cache', 'demo'])
    t.ok(help.stdout.includes(command), command)
  const ask = await result(commandLine(), 'ask', '--help')
  t.equal(ask.code, 0)
  for (const flag of [
    '--model FILE',
    '--drafter',
    '--mode',
    '--eta',
    '--draft-length N|auto',
    '--max-tokens',
    '--temperature',
    '--seed',
    '--context',
    '--json',
  ])
    t.ok(ask.stdout.includes(flag), flag)
  t.match(await result(commandLine(), '--version'), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('on a terminal progress is a bar that redraws itself and ends its line', async (t) => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  let now = 0
  const view = progressView(terminal, () => now)
  const shown = () => String(terminal.read() ?? '')
  view.update({ phase: 'prefill-target', processed: 0, total: 1000 })
  t.match(shown(), /^\r.*Reading +\[\.{24}\] {3}0 %/)
  view.update({ phase: 'prefill-target', processed: 10, total: 1000 })
  t.equal(shown(), '', 'not more often than the eye can follow')
  now = 100
  view.update({ phase: 'prefill-target', processed: 500, total: 1000 })
  t.match(shown(), /\[#{12}\.{12}\] {2}50 %/)
  view.update({ phase: 'prefill-target', processed: 1000, total: 1000 })
  t.match(shown(), /\[#{24}\] 100 %.*\n$/)
  view.clear()
  t.equal(shown(), '', 'nothing to clear')
  view.update({ phase: 'load', processed: 5_000_000, total: 10_000_000 })
  t.match(shown(), /5 \/ 10 MB/)
  view.clear()
  t.match(shown(), /^\r/)
})

t.test('gpus lists what there is, usable or not, or says why there is nothing', async (t) => {
  const cli = commandLine()
  t.equal(await cli.run('gpus'), 0)
  t.equal(cli.output.stdout, 'none: no NVIDIA driver here\n')
  cli.binding.gpus = {
    devices: [
      { index: 0, name: 'NVIDIA H200', capability: '9.0', totalBytes: 150e9, freeBytes: 149e9, problem: '' },
      { index: 1, name: '', capability: '', totalBytes: 0, freeBytes: 0, problem: 'it fell off the bus' },
    ],
    reason: '',
  }
  cli.output.stdout = ''
  t.equal(await cli.run('gpus'), 0)
  t.equal(
    cli.output.stdout,
    'cuda:0  NVIDIA H200, compute capability 9.0, 149.00 GB of 150.00 GB free\ncuda:1\n        cannot be used: it fell off the bus\n',
  )
  cli.output.stdout = ''
  t.equal(await cli.run('gpus', '--json'), 0)
  t.match(JSON.parse(cli.output.stdout), {
    gpus: [
      { device: 'cuda:0', freeBytes: 149e9 },
      { device: 'cuda:1', problem: 'it fell off the bus' },
    ],
  })
})
