/** demo, inspect and gpus. */
import t from 'tap'
import { answer, assertClean, commandLine, needle, result } from '../helpers/command-line'

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
