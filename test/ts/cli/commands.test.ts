/** Wrong usage and help, and the commands that ask nothing of the user's own: demo, inspect, gpus. */
import t from 'tap'
import { answer, assertClean, base, commandLine, file, needle, question, result } from '../../helpers/command-line'

const wrongUsage: [string[], RegExp][] = [
  [[], /no command given\nTry "ragdraft --help"\./],
  [['sing'], /"sing" is not a command\nTry "ragdraft --help"\./],
  [['ask', file], /ask takes FILE and QUESTION, got 1/],
  [['ask', file, question], /--model FILE is missing/],
  [['ask', file, ' ', '--model', 'm.gguf'], /QUESTION is empty/],
  [[...base, '--mdoe', 'rag'], /unknown option "--mdoe" of ragdraft ask; did you mean "--mode"\? .*Try "ragdraft ask --help"\./s],
  [[...base, '--colour'], /unknown option "--colour" of ragdraft ask; the options are --model, .*after "--"/],
  [[...base, '--mode'], /--mode/],
  [[...base, '--mode', 'fast'], /--mode must be one of "plain", /],
  [[...base, '--eta', 'much'], /--eta must be a number from 0 to 1000, got "much"/],
  [[...base, '--eta', '-5'], /--eta must be a number from 0 to 1000, got -5/],
  [[...base, '--draft-length', '17'], /--draft-length must be an integer from 0 to 16 or "auto", got 17/],
  [[...base, '--draft-weights', 'half'], /--draft-weights must be one of "auto", "full", "q4", got "half"/],
  [[...base, '--draft-weights', 'q4', '--drafter', 'd.gguf'], /--draft-weights must not be "q4" with --drafter/],
  [[...base, '--draft-copy', '--drafter', 'd.gguf'], /--draft-copy is of no use with --drafter/],
  [[...base, '--seed', '1.5'], /--seed must be /],
  [[...base, '--threads', '0'], /--threads must be an integer from 1 to 256, got 0/],
  [[...base, '--device', 'tpu'], /--device must be /],
  [[...base, '--kv', 'q2'], /--kv must be one of/],
  [[...base, '--context', '63'], /--context must be an integer of at least 64, got 63/],
  [['inspect'], /inspect takes MODEL, got 0/],
  [['chat', '-', '--model', 'm.gguf'], /must be a file/],
  [['demo', 'now'], /demo takes no arguments/],
]
for (const [args, message] of wrongUsage) {
  t.test(
    `wrong usage is exit code 2, before anything is loaded: ${args.slice(args[0] === 'ask' ? 3 : 0).join(' ')} (${message.source})`,
    async (t) => {
      const cli = commandLine()
      const { code, stdout, stderr } = await result(cli, ...args)
      t.equal(code, 2)
      t.equal(stdout, '')
      t.match(stderr, message)
      t.match(stderr, /Try "ragdraft .*--help"\.\n$/)
      t.same(cli.binding.loads, [])
      assertClean(t, cli)
    },
  )
}

t.test('the bound of --context is that of the model', async (t) => {
  t.match(await result(commandLine(), ...base, '--context', '70000'), { code: 2, stderr: /--context must be an integer from 64 to 65536/ })
})

t.test('--help tells commands, options, exit codes and where to read on, in lines that fit', async (t) => {
  const help = await result(commandLine(), '--help')
  t.equal(help.code, 0)
  for (const part of ['ask FILE QUESTION', 'chat FILE', 'inspect MODEL', 'gpus', 'cache', 'demo', '--version', '130', 'README.md'])
    t.ok(help.stdout.includes(part), part)
  for (const command of ['ask', 'chat', 'inspect', 'gpus', 'cache', 'demo']) {
    const { code, stdout } = await result(commandLine(), command, '--help')
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: ragdraft ${command}`))
    t.match(stdout, /\n {2}--help +Show this help\.\n/)
    t.ok(
      stdout.split('\n').every((line) => line.length <= 100),
      command,
    )
  }
  const ask = await result(commandLine(), 'ask', '--help')
  for (const part of ['--model FILE', '--draft-length N|auto', '--stop TEXT', 'UTF-16 code units']) t.ok(ask.stdout.includes(part), part)
  t.match(await result(commandLine(), '--version'), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('demo says what it does, asks the built-in book, checks the answer and says what comes next', async (t) => {
  const cli = commandLine()
  const { code, stdout, stderr } = await result(cli, 'demo')
  t.equal(code, 0)
  t.equal(stdout, `${answer.trim()}\n`)
  const phases = ['Loading the model', 'Tokenizing', 'Indexing', 'Reading'].map((label) => `${label}: 100 % .*\n`).join('')
  t.match(
    stderr,
    new RegExp(
      `^Asks a small model .*\n\n${phases}\nQuestion: .*\nAnswer: +\nCited [\\s\\S]*\\[\\d+, \\d+\\)[\\s\\S]* {2}read [\\s\\S]*npx ragdraft chat .*\n$`,
    ),
  )
  assertClean(t, cli)
  const json = await result(commandLine(), 'demo', '--json', '--mode', 'plain')
  t.equal(json.code, 0)
  t.match(JSON.parse(json.stdout), { stats: { mode: 'plain' }, chunks: [] })
})

t.test('demo exits with 1 if the answer is not the hidden sentence', async (t) => {
  const cli = commandLine()
  cli.book.text = cli.book.text.replace(needle, needle.replace('clock', 'bell'))
  const { code, stderr } = await result(cli, 'demo')
  t.equal(code, 1)
  t.match(stderr, /ragdraft: the answer should be "a tin behind the engine room clock\."/)
})

t.test('demo --model-only prints the path of the model', async (t) => {
  t.match(await result(commandLine(), 'demo', '--model-only'), { code: 0, stdout: 'm.gguf\n', stderr: '' })
  t.match(await result(commandLine(), 'demo', '--model-only', '--json'), { code: 0, stdout: '{"model":"m.gguf"}\n' })
})

t.test('inspect prints a description, with --json as one object', async (t) => {
  const plain = await result(commandLine(), 'inspect', 'm.gguf')
  t.equal(plain.code, 0)
  const heads = '4 heads of 16, 2 for keys'
  for (const part of [
    'architecture    llama',
    'Q4_K',
    '65,536 tokens',
    heads,
    'llama3 scaling',
    'gpt2 (llama-bpe)',
    'bos 256',
    'none: a plain',
  ])
    t.ok(plain.stdout.includes(part), part)
  const json = await result(commandLine(), 'inspect', 'm.gguf', '--json')
  t.match(JSON.parse(json.stdout), { architecture: 'llama', contextLength: 65_536, vocab: 258 })
})

t.test('gpus lists what there is, usable or not, or says why there is nothing', async (t) => {
  const cli = commandLine()
  t.match(await result(cli, 'gpus'), { code: 0, stdout: 'none: no NVIDIA driver here\n' })
  cli.binding.gpus = {
    devices: [
      { index: 0, name: 'NVIDIA H200', capability: '9.0', totalBytes: 150e9, freeBytes: 149e9, problem: '' },
      { index: 1, name: '', capability: '', totalBytes: 0, freeBytes: 0, problem: 'it fell off the bus' },
    ],
    reason: '',
  }
  cli.output.stdout = ''
  const { stdout } = await result(cli, 'gpus')
  t.equal(
    stdout,
    'cuda:0  NVIDIA H200, compute capability 9.0, 149.00 GB of 150.00 GB free\ncuda:1\n        cannot be used: it fell off the bus\n',
  )
  cli.output.stdout = ''
  const json = await result(cli, 'gpus', '--json')
  t.match(JSON.parse(json.stdout), {
    gpus: [
      { device: 'cuda:0', freeBytes: 149e9 },
      { device: 'cuda:1', problem: 'it fell off the bus' },
    ],
  })
})
