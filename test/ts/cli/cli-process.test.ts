/** The command as a process: what only a real one has, namely signals, pipes and an end of its own. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import { ensureDemoModel } from '../../../lib/demo'
import { demoBook, hideSentence } from '../../../lib/demo/book'
import { buildDist, root } from '../../helpers/dist'

const main = path.join(root, 'dist', 'cli', 'main.js')
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-cli-'))
t.teardown(() => fs.rmSync(directory, { recursive: true }))

const { text: book, needle, question, answer } = demoBook()
const { text } = hideSentence(book.replace(`${needle.text}\n\n`, '').slice(0, 4_000), needle.text, 0.5)
const small = path.join(directory, 'small.txt')
const large = path.join(directory, 'large.txt')
fs.writeFileSync(small, text)
fs.writeFileSync(large, book)
let model: string

t.before(async () => {
  buildDist()
  model = await ensureDemoModel({ directory })
})

function start(args: string[], input = '') {
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: 'pipe' })
  child.stdin.on('error', () => {}) // it may leave before it has read everything
  child.stdin.end(input)
  let [stdout, stderr] = ['', '']
  let check = () => {}
  child.stdout.on('data', (part) => {
    stdout += part
  })
  child.stderr.on('data', (part) => {
    stderr += part
    check()
  })
  const ended = new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  )
  const shown = (part: string) =>
    new Promise<void>((resolve) => {
      check = () => {
        if (stderr.includes(part)) resolve()
      }
      check()
    })
  return { child, ended, shown }
}

// The exit code is set, never forced, in main.ts: that the process ends at all shows that no handle or thread is left.
t.test('ask answers from a file and from a pipe, and the process ends by itself', async (t) => {
  const flags = ['--model', model, '--stop', '\n\n']
  const file = await start(['ask', small, question, ...flags]).ended
  t.match(file, { code: 0, stdout: `${answer}\n` }, file.stderr)
  const pipe = await start(['ask', '-', question, ...flags, '--json'], text).ended
  t.equal(pipe.code, 0, pipe.stderr)
  const object = JSON.parse(pipe.stdout)
  t.equal(object.text, answer)
  t.equal(text.slice(object.citations[0].start, object.citations[0].end), answer.trim())
  t.ok(object.stats.promptTokens > 1000 && object.stats.draftPromptTokens > 100)
})

t.test('SIGINT while it reads ends it with 130, cleanly and soon', async (t) => {
  const { child, ended, shown } = start(['ask', large, question, '--model', model])
  await shown('Indexing')
  child.kill('SIGINT')
  t.match(await ended, { code: 130, signal: null, stdout: '', stderr: /ragdraft: interrupted\n$/ })
})

t.test('a reader that leaves during the answer ends it without noise', async (t) => {
  const { child, ended } = start(['ask', small, question, '--model', model, '--max-tokens', '400'])
  child.stdout.destroy()
  const { code, stderr } = await ended
  t.equal(code, 0)
  t.notMatch(stderr, /EPIPE|Error/)
})

t.test('inspect reads a real file, and says what is wrong with another', async (t) => {
  const { code, stdout } = await start(['inspect', model, '--json']).ended
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { architecture: 'llama', layers: 2, vocab: 4096, tokenizer: { model: 'gpt2', tokens: 4096 } })
  t.match(await start(['inspect', small]).ended, { code: 1, stdout: '', stderr: /^ragdraft: ERR_INVALID_MODEL: / })
  t.match(await start(['inspect', directory]).ended, { code: 1, stdout: '', stderr: /^ragdraft: ERR_/ })
})

t.test('chat answers the lines of a pipe', async (t) => {
  const { code, stdout, stderr } = await start(['chat', small, '--model', model, '--stop', '\n\n'], `${question}\n`).ended
  t.equal(code, 0, stderr)
  t.equal(stdout, `${answer}\n`)
})

t.test('demo --model-only prints a path that exists', async (t) => {
  const { code, stdout } = await start(['demo', '--model-only']).ended
  t.equal(code, 0)
  t.ok(fs.existsSync(stdout.trim()), stdout)
})
