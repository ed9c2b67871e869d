import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import { answer, assertClean, commandLine, file, question, result, text } from '../../helpers/command-line'
import { nativeError } from '../../helpers/fake-binding'

const other = 'What of pump 21 ran'
const chat = ['chat', file, '--model', 'm.gguf', '--stop', '\n\n']

/** Runs a chat over these lines, to the end of input. */
async function conversation(lines: readonly string[], { cli = commandLine(), flags = [] as string[] } = {}) {
  const running = result(cli, ...chat, ...flags)
  cli.stdin.end(lines.map((line) => `${line}\n`).join(''))
  return { cli, ...(await running) }
}

/** Tokens of the prompt of the i-th question. */
const promptOf = (cli: ReturnType<typeof commandLine>, i: number) => cli.binding.prompts[i]!.target!.length

async function documentTokens() {
  const model = await loadModelWith(commandLine().binding, 'm.gguf')
  const { promptTokens } = await model.open(text)
  await model.close()
  return promptTokens
}

t.test('chat answers line by line and keeps the conversation', async (t) => {
  const { cli, code, stdout, stderr } = await conversation([question, '', other])
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n dry at noon.\n`)
  t.equal(cli.binding.loads.length, 1)
  t.ok(promptOf(cli, 1) > promptOf(cli, 0) + answer.length, 'the first turn is in the second prompt')
  t.match(
    stderr,
    /\n {2}model +Fake \(llama, Q4_K, .*\n {2}device .*\n {2}document +log\.txt, [\d,]+ tokens.*\n {2}mode +lossless\n[\s\S]*\/exit leaves\.\n> /,
  )
  t.match(stderr, /\n {2}read +\d+ new tokens in \d+ ms, after [\d,]+ that were read before\n/)
  assertClean(t, cli)
})

t.test('chat has commands; what is none is not sent to the model, and two slashes begin a question', async (t) => {
  const { cli, stdout, stderr } = await conversation(['/help', '/hlep me', '//', question, '/clear', question, '/exit', question])
  t.match(stderr, /> {3}\/help +shows these[\s\S]*\/clear[\s\S]*\/exit/)
  t.match(stderr, /"\/hlep" is not a command/)
  t.equal(cli.binding.prompts.length, 3, '"/" as a question, and one before and after /clear')
  t.equal(
    promptOf(cli, 2),
    promptOf(cli, 1) - (promptOf(cli, 1) - (await documentTokens())) + (promptOf(cli, 2) - (await documentTokens())),
  )
  t.ok(promptOf(cli, 2) < promptOf(cli, 1), 'the conversation is forgotten')
  t.match(stdout, new RegExp(`${answer}\n${answer}\n$`))
  assertClean(t, cli)
})

t.test('chat leaves the oldest turn out when the context is full, and says so', async (t) => {
  const flags = ['--context', String((await documentTokens()) + 90)]
  const { code, stdout, stderr } = await conversation([question, question], { flags })
  t.equal(code, 0)
  t.equal(stdout, `${answer}\n${answer}\n`)
  t.match(stderr, /no room for the oldest question of the conversation: left out/)
})

t.test('a question that is too long ends neither the session nor the conversation, and a pipe hears of it by the exit code', async (t) => {
  const flags = ['--context', String((await documentTokens()) + 400)]
  const { cli, code, stdout, stderr } = await conversation([question, question.repeat(50), other], { flags })
  t.equal(stdout, `${answer}\n dry at noon.\n`)
  t.match(
    stderr,
    /ERR_CONTEXT_OVERFLOW: the document with this question needs \d+ tokens.*\n.*--context.*\n\(This question was not answered\./,
  )
  t.ok(promptOf(cli, 1) > promptOf(cli, 0) + answer.length, 'the first turn is still known')
  t.equal(code, 1)
  assertClean(t, cli)
})

t.test('a failed device ends the session', async (t) => {
  const cli = commandLine()
  cli.binding.failures.generate = nativeError('ERR_DEVICE_FAILED', 'it fell off the bus')
  const { code, stdout, stderr } = await conversation([question, question], { cli })
  t.match({ code, stdout }, { code: 1, stdout: / a \n$/ }, 'one question was tried, and its line is ended')
  t.match(stderr, /ragdraft: ERR_DEVICE_FAILED: it fell off the bus\n$/)
  assertClean(t, cli)
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
