/** What the README and the guide tell a reader to type works as written, with the demo model and a short text in place of their files. */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { demoBook, ensureDemoModel } from '../../../lib/demo'
import { blocks, userPages } from '../../helpers/documents'
import { temporary } from '../../helpers/models'

const root = process.cwd()
const { text, needle, question } = demoBook()
const excerpt = text.slice(needle.start - 3000, needle.end + 3000)
const document = temporary('document.txt')
writeFileSync(document, excerpt)

/** Runs TypeScript without tap's own loader, and with a cache folder of its own: one of the commands clears it. */
function run(args: readonly string[]) {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const home = temporary('readme-home')
  const env = { ...inherited, HOME: home, XDG_CACHE_HOME: home, LOCALAPPDATA: home }
  return spawnSync(process.execPath, ['--import', 'tsx', ...args], { cwd: root, encoding: 'utf8', env })
}

t.test("the README's two commands are those that CI runs", async (t) => {
  const ci = readFileSync(path.join(root, '.ci', 'run'), 'utf8')
  const commands = blocks('README.md', 'sh').flatMap((block) => block.split(' && '))
  t.same([...new Set(commands)], ['npm ci', 'npm run demo', 'npm test'])
  for (const command of commands) t.match(ci, new RegExp(`^${command}$`, 'm'))
})

t.test("the README's example runs", async (t) => {
  const [example] = blocks('README.md', 'ts')
  const source = example!
    .replace("'ragdraft'", JSON.stringify(path.join(root, 'lib', 'index.ts')))
    .replace("'Qwen2.5-7B-Instruct-Q8_0.gguf'", JSON.stringify(await ensureDemoModel()))
    .replace("'war-and-peace.txt'", JSON.stringify(document))
    .replace("'Who is Pierre in love with?'", JSON.stringify(question))
    .replace('maxTokens: 400', 'maxTokens: 20')
  t.notMatch(source, /gguf'|\.txt'/, 'all file names were replaced')
  // In the project's folder, so that its tsconfig and module type apply.
  const file = path.join(root, 'build', `readme-example-${process.pid}.mts`)
  writeFileSync(file, source)
  const result = run([file])
  rmSync(file)
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, /buried beneath the seventh plum tree/)
  t.match(result.stdout, /\[\d+, \d+\) buried beneath/)
  t.match(result.stderr, /prefill-target \d+ \d+/)
})

t.test('command lines of the README and the guide run', async (t) => {
  const lines = userPages
    .flatMap((page) => blocks(page, ''))
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('ragdraft ')))
  t.equal(lines.length, 7)
  const model = await ensureDemoModel()
  for (const line of lines) {
    const words = line
      .replace(/^ragdraft /, '')
      .replaceAll(/[[\]]/g, '')
      .match(/"[^"]*"|\S+/g)!
    if (words[0] === 'chat') continue // interactive; test/ts/cli/chat.test.ts
    const args = words.map((w) => (w.startsWith('"') ? question : w.endsWith('.gguf') ? model : w.endsWith('.txt') ? document : w))
    const result = run([path.join('lib', 'cli', 'main.ts'), ...args])
    t.equal(result.status, 0, `${line}: ${result.stderr}`)
    t.ok(result.stdout.length > 20, line)
  }
})
