/** What is generated from the sources and kept in docs/ is what would be generated now. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { buildDist, root } from '../../helpers/dist'
import { temporary } from '../../helpers/models'

const docs = (...names: string[]) => path.join(root, 'docs', ...names)

function node(...args: string[]): void {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env })
  if (status !== 0) throw new Error(stdout + stderr)
}

t.test('the API reference (else: npm run docs:api)', async (t) => {
  const folder = temporary('api')
  node(path.join('node_modules', 'typedoc', 'bin', 'typedoc'), '--out', folder)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  t.same(readdirSync(docs('api'), { recursive: true, encoding: 'utf8' }).sort(), files)
  for (const file of files.filter((name) => name.endsWith('.md')))
    t.equal(readFileSync(docs('api', file), 'utf8'), readFileSync(path.join(folder, file), 'utf8'), file)
})

t.test('the picture of the README (else: npm run docs:picture)', async (t) => {
  buildDist()
  const file = temporary('answer.svg')
  node(path.join('scripts', 'picture.cjs'), file)
  t.equal(readFileSync(file, 'utf8'), readFileSync(docs('answer.svg'), 'utf8'))
})
