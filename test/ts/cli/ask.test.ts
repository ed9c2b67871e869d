import t from 'tap'
import { answer, assertClean, base, commandLine, file, fileOf, question, result, settled, text } from '../../helpers/command-line'
import { nativeError } from '../../helpers/fake-binding'

const running = (cli: ReturnType<typeof commandLine>, ...flags: string[]) => result(cli, ...base, ...flags)

t.test('ask prints the answer alone on stdout, the rest on stderr', async (t) => {
  const cli = commandLine()
  const { code, stdout, stderr } = await running(cli)
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n`)
  const start = text.indexOf(answer.trim())
  t.ok(stderr.includes(`[${start}, ${start + answer.trim().length})  ${JSON.stringify(answer.trim())}`), stderr)
  const rows = [
    'mode      lossless',
    'read      [\\d,]+ tokens in',
    'answered  \\d+ tokens at',
    'drafted   \\d+ tokens, \\d+ accepted',
    'rounds    \\d+ drafted by the model',
  ]
  t.match(
    stderr,
    new RegExp(
      `Loading the model: .*\n[\\s\\S]*Reading: [\\s\\S]*${rows.join('[\\s\\S]*\n  ')}[\\s\\S]*\n  memory    .* of weights, .*\n$`,
    ),
  )
  t.notOk(stderr.includes('\r'), 'no bars in a pipe')
  assertClean(t, cli)
})

t.test('ask --json prints exactly one object with the promised keys', async (t) => {
  const cli = commandLine()
  const { code, stdout } = await running(cli, '--json', '--drafter', 'd.gguf', '--draft-length', '3')
  t.equal(code, 0)
  t.equal(stdout.split('\n').length, 2, 'one line')
  const object = JSON.parse(stdout)
  t.same(Object.keys(object), ['text', 'citations', 'chunks', 'finishReason', 'stats'])
  t.match(object, { text: answer, finishReason: 'stop-string' })
  t.same(Object.keys(object.citations[0]), ['start', 'end', 'text'])
  t.equal(text.slice(object.citations[0].start, object.citations[0].end), object.citations[0].text)
  t.same(Object.keys(object.chunks[0]), ['start', 'end', 'score'])
  t.same(
    Object.keys(object.stats).join(),
    'mode,promptTokens,draftPromptTokens,prefillMs,timeToFirstTokenMs,decodeTokens,decodeTokensPerSecond,rounds,drafted,accepted,acceptedByPosition,drafter',
  )
  t.same(object.stats.drafter, { kind: 'model', cache: 'own' })
  t.ok(object.stats.timeToFirstTokenMs >= object.stats.prefillMs && object.stats.prefillMs > 0)
  t.equal(cli.binding.loads.length, 2, 'target and drafter')
  t.equal(cli.binding.requests[0]!.draftLength, 3)
  assertClean(t, cli)
})

t.test('flags reach the library', async (t) => {
  const cli = commandLine()
  const flags =
    '--mode exact --eta 20 --draft-length auto --draft-weights full --max-tokens 9 --temperature 0.5 --top-k 40 --top-p 0.9 --min-p 0.1 --context 16000 --kv f32 --threads 3 --no-ngram'
  const { code } = await running(cli, ...flags.split(' '), '--seed', '18446744073709551615')
  t.equal(code, 0)
  const request = cli.binding.requests[0]!
  const shape = { maxTokens: 9, temperature: 0.5, topK: 40, topP: 0.9, minP: 0.1, seed: 2n ** 64n - 1n }
  t.match(request, { mode: 'exact', transfer: 20, draftLength: -1, ngram: false, ...shape })
  t.match(request.target, { contextTokens: 16_000, kv: 'f32' })
  t.match(request.draftModel, { precision: 'full' })
  t.equal(cli.binding.loads[0]!.threads, 3)
  const copying = commandLine()
  t.match((await running(copying, '--draft-copy')).stderr, /drafted by the model \(4 bits\)/)
  t.match(copying.binding.loads, [{ draftCopy: true }])
})

t.test('an answer that was cut says by what', async (t) => {
  t.match((await running(commandLine(), '--max-tokens', '4')).stderr, /\n {2}cut +after 4 tokens: a larger --max-tokens/)
  const length = await running(commandLine(), '--max-tokens', '4', '--json')
  t.equal(JSON.parse(length.stdout).finishReason, 'length')
  const { promptTokens } = JSON.parse(length.stdout).stats
  const full = await running(commandLine(), '--context', String(promptTokens + 5))
  t.match(full.stderr, /\n {2}cut +the context of [\d,]+ tokens is full: a larger --context/)
  t.notMatch((await running(commandLine())).stderr, /\n {2}cut/)
})

t.test('ask --mode rag does not read the document into the target', async (t) => {
  const cli = commandLine()
  const { code, stdout } = await running(cli, '--mode', 'rag', '--json')
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { text: answer, stats: { mode: 'rag', promptTokens: 0 } })
  t.equal(cli.binding.prefilled.length, 1, "the drafter's prompt alone")
  t.match((await running(commandLine(), '--mode', 'rag')).stderr, /read +[\d,]+ tokens of question and excerpts/)
})

t.test('ask reads the document from stdin where FILE is "-", and a question may begin with a dash', async (t) => {
  const cli = commandLine()
  const piped = result(cli, 'ask', '-', question, '--model', 'm.gguf', '--max-tokens', '4')
  cli.stdin.end(text)
  t.match(await piped, { code: 0, stdout: `${answer.slice(0, 4)}\n` })
  const dash = await result(commandLine(), 'ask', file, '- what of it?', '--model', 'm.gguf', '--stop', '- a list')
  t.equal(dash.code, 0, dash.stderr)
})

const sly = 'a tin\x1b]0;title\x07\x1b[2J \x9b31m\u202ebehind\u2066 it.'

t.test('what strangers wrote cannot command a terminal; a pipe gets it as it is', async (t) => {
  const document = fileOf('sly.txt', text.replace('a tin behind the engine room clock.', sly))
  const asked = ['ask', document, question, '--model', 'm.gguf', '--stop', '\n\n']
  t.equal((await result(commandLine(), ...asked)).stdout, ` ${sly}\n`)
  const shown = await result(commandLine({ terminal: true }), ...asked)
  t.equal(shown.stdout, ' a tin\\u001b]0;title\\u0007\\u001b[2J \\u009b31m\\u202ebehind\\u2066 it.\n')
  t.notMatch(shown.stderr.replaceAll('\r\x1b[2K', ''), /(?!\n)\p{Cc}|\p{Bidi_Control}/u, 'but for the bar of progress')
  const json = await result(commandLine({ terminal: true }), ...asked, '--json')
  t.notMatch(json.stdout, /(?!\n)\p{Cc}|\p{Bidi_Control}/u)
  t.equal(JSON.parse(json.stdout).text, ` ${sly}`, 'the same object')
  const missing = await result(commandLine({ terminal: true }), 'ask', '/no\x1b[31mwhere', question, '--model', 'm.gguf')
  t.match(missing, { code: 1, stderr: 'ragdraft: ERR_FILE_NOT_FOUND: no such file: "/no\\u001b[31mwhere"\n' })
})

const inTime: [what: string, args: string[], message: RegExp][] = [
  [
    'a document that is missing',
    ['ask', '/nowhere.txt', question, '--model', 'm.gguf'],
    /ERR_FILE_NOT_FOUND: no such file: "\/nowhere.txt"/,
  ],
  ['a document that is a folder', ['ask', __dirname, question, '--model', 'm.gguf'], /ERR_FILE_READ: .*it is a directory/],
  [
    'a document that is no text',
    ['ask', fileOf('x.bin', Buffer.of(65, 255)), question, '--model', 'm.gguf'],
    /ERR_INVALID_ARGUMENT: .*not UTF-8/,
  ],
  ['a chat about a file that is missing', ['chat', '/nowhere.txt', '--model', 'm.gguf'], /ERR_FILE_NOT_FOUND: .*nowhere.txt/],
  ['a drafter that is missing', [...base, '--drafter', 'none.gguf'], /ERR_FILE_NOT_FOUND: no such file: none.gguf/],
  ['a model that is missing, before stdin is read', ['ask', '-', question, '--model', 'none.gguf'], /ERR_FILE_NOT_FOUND: .*none.gguf/],
]
for (const [what, args, message] of inTime) {
  t.test(`${what} is told before a model is loaded`, async (t) => {
    const cli = commandLine()
    const { code, stdout, stderr } = await result(cli, ...args)
    t.match({ code, stdout, stderr }, { code: 1, stdout: '', stderr: message })
    t.same(cli.binding.loads, [])
    t.equal(stderr.trimEnd().split('\n').length, 1, 'in one line')
    assertClean(t, cli)
  })
}

const failures: [flags: string[], message: RegExp][] = [
  [['--model', 'none.gguf'], /ERR_FILE_NOT_FOUND: no such file: none.gguf/],
  [['--context', '100'], /ERR_CONTEXT_OVERFLOW: the document needs \d+ tokens/],
  [['--drafter', 'x.gguf'], /ERR_VOCABULARY_MISMATCH: /],
  [['--device', 'cuda'], /ERR_DEVICE_UNAVAILABLE: .*no NVIDIA driver here/],
]
for (const [flags, message] of failures) {
  t.test(`${flags.join(' ')} fails with exit code 1, the error on stderr and nothing on stdout`, async (t) => {
    const cli = commandLine()
    t.match(await running(cli, ...flags, '--json'), { code: 1, stdout: '', stderr: message })
    assertClean(t, cli)
  })
}

t.test('a failure is told with its causes, each once', async (t) => {
  const cli = commandLine()
  cli.binding.failures.generate = Object.assign(nativeError('ERR_OUT_OF_MEMORY', 'no memory'), {
    cause: new Error('mmap failed', { cause: new Error('mmap failed: errno 12', { cause: 'no memory' }) }),
  })
  const { code, stderr } = await running(cli, '--json')
  t.equal(code, 1)
  t.match(stderr, /ragdraft: ERR_OUT_OF_MEMORY: no memory\n {2}caused by: mmap failed\n {2}caused by: mmap failed: errno 12\n$/)
})

for (const moment of ['Loading', 'Reading', 'Drafter reads']) {
  t.test(`Ctrl-C at "${moment}" stops with exit code 130 and closes everything`, async (t) => {
    const cli = commandLine()
    cli.binding.stepMs = 5
    const stopped = cli.run(...base, '--mode', 'exact') // in lossless the drafter reads nothing
    await cli.shown('stderr', moment)
    cli.interrupt()
    t.equal(await stopped, 130)
    await settled()
    t.equal(cli.output.stdout, '')
    t.match(cli.output.stderr, /ragdraft: interrupted\n$/)
    assertClean(t, cli)
  })
}
