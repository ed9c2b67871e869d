/** The programs of examples/ do what they say, over the built package, with the demo model and a short text. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import * as path from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import t from 'tap'
import type { FromWorker, ToWorker } from '../../examples/electron/protocol'
import { demoBook, ensureDemoModel } from '../../lib/demo'
import { buildDist, root } from '../helpers/dist'
import { temporary } from '../helpers/models'

const { text, needle, question, answer } = demoBook()
const excerpt = text.slice(needle.start - 2000, needle.end + 2000)
const document = temporary('excerpt.txt')
writeFileSync(document, excerpt)
let model: string

t.before(async () => {
  buildDist()
  model = await ensureDemoModel()
})

/** Node without tap's own loader. */
function start(args: readonly string[], stdio: ('ignore' | 'pipe' | 'inherit' | 'ipc')[] = ['ignore', 'pipe', 'inherit']): ChildProcess {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(process.execPath, args, { cwd: root, stdio, env })
}
const tsx = (name: string, ...args: string[]) => start(['--import', 'tsx', path.join('examples', name), model, document, ...args])

t.test('ask.mts prints the answer and where it stands in the text', async (t) => {
  const child = tsx('ask.mts', question)
  const ended = once(child, 'close')
  const output = await textOf(child.stdout!)
  t.same(await ended, [0, null])
  const [, begin, end, quote] = /\n\[(\d+), (\d+)\) ([\s\S]*)\n$/.exec(output)!
  t.ok(output.startsWith(answer), output)
  t.equal(excerpt.slice(Number(begin), Number(end)), quote)
})

t.test('server.mts streams answers of one document to several clients, and goes on after one that leaves', async (t) => {
  const child = tsx('server.mts', '0')
  const ended = once(child, 'close')
  const [line] = await once(child.stdout!, 'data')
  const url = String(line).trim()
  const post = async (body: string) => {
    const response = await fetch(url, { method: 'POST', body })
    const lines = (await response.text()).trim().split('\n')
    return { status: response.status, lines: lines.map((each) => JSON.parse(each)) }
  }

  const both = await Promise.all([post(question), post(question)])
  for (const { status, lines } of both) {
    const result = lines.pop()
    t.equal(status, 200)
    t.ok(
      lines
        .map(({ delta }) => delta)
        .join('')
        .startsWith(answer),
    )
    t.equal(excerpt.slice(result.citations[0].start, result.citations[0].end), result.citations[0].text)
  }
  t.ok(both[0].lines.length > 2, 'in pieces')

  const leaving = request(url, { method: 'POST', headers: { 'content-length': question.length } })
  leaving.on('error', () => {})
  leaving.end(question)
  const [response] = await once(leaving, 'response')
  await once(response, 'data')
  leaving.destroy()
  t.match(await post(' '), { status: 400, lines: [{ error: { code: 'ERR_INVALID_ARGUMENT' } }] })
  t.match(await post(question), { status: 200 })
  t.equal((await fetch(url)).status, 404)
  t.equal((await fetch(url, { method: 'POST', body: 'x'.repeat(20_000) })).status, 413)

  child.kill('SIGTERM')
  t.same(await ended, process.platform === 'win32' ? [null, 'SIGTERM'] : [0, null], 'model and document are closed')
})

t.test('the worker of the Electron example opens, answers, stops and closes', async (t) => {
  // What Electron gives a utility process, over Node's own channel. The main process is run by the release workflow.
  const port = temporary('parent-port.cjs')
  writeFileSync(
    port,
    `process.parentPort = {
      on: (event, listener) => void process.on(event, (data) => listener({ data })),
      postMessage: (message) => void process.send(message),
    }`,
  )
  const child = start(['--require', port, path.join('examples', 'electron', 'worker.cjs')], ['ignore', 'inherit', 'inherit', 'ipc'])
  const ended = once(child, 'close')
  const heard: FromWorker[] = []
  let wake = () => {}
  child.on('message', (message) => {
    heard.push(message as FromWorker)
    wake()
  })
  const send = (message: ToWorker) => child.send(message)
  const until = async (type: FromWorker['type'], id?: number) => {
    for (;;) {
      const found = heard.find((message) => message.type === type && (id === undefined || ('id' in message && message.id === id)))
      if (found) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  send({ type: 'open', model: 'none.gguf', document })
  t.match(await until('error'), { code: 'ERR_FILE_NOT_FOUND' })
  send({ type: 'open', model, document })
  t.match(await until('ready'), { tokens: Number })
  send({ type: 'ask', id: 7, question })
  t.match(await until('answer', 7), { citations: [{ text: String }], finishReason: 'length' })
  const words = heard.flatMap((message) => (message.type === 'delta' ? [message.text] : [])).join('')
  t.ok(words.startsWith(answer), words)
  send({ type: 'ask', id: 8, question })
  send({ type: 'stop', id: 8 })
  t.match(await until('error', 8), { code: 'AbortError' })
  send({ type: 'close' })
  t.same(await ended, [0, null])
})

t.test('the README of examples names each of them', async (t) => {
  const readme = readFileSync(path.join(root, 'examples', 'README.md'), 'utf8')
  for (const name of ['ask.mts', 'server.mts', 'electron/']) t.ok(readme.includes(`\`${name}\``), name)
})
