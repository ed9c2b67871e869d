/** The built package as its users get it: module formats, types, the command. Builds dist/ first. */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import { addonPath } from '../../../lib/runtime/addon/load'
import { thisMachine } from '../../../lib/runtime/addon/machine'
import { buildDist, root, tsc } from '../../helpers/dist'

const main = path.join(root, 'dist', 'cli', 'main.js')

const node = (args: string[], cwd = root) => spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })

t.before(buildDist)

/** What each entry exports. */
const entries = {
  ragdraft: ['RagdraftError', 'inspectModel', 'listGpus', 'loadModel'],
  'ragdraft/demo': ['demoBook', 'ensureDemoModel'],
}

for (const [entry, names] of Object.entries(entries)) {
  t.test(`CommonJS exports the public names of ${entry}`, async (t) => {
    const { stdout, stderr } = node(['-e', `console.log(Object.keys(require("${entry}")).sort().join())`])
    t.equal(stdout.trim(), names.join(), stderr)
  })

  t.test(`ES modules export the same names of ${entry}, and the same instances`, async (t) => {
    const script = `
      import * as esm from '${entry}'
      import { createRequire } from 'node:module'
      const cjs = createRequire(process.cwd() + '/x.js')('${entry}')
      const names = Object.keys(esm).filter((name) => name !== 'default' && name !== 'module.exports').sort()
      console.log(names.join(), names.every((name) => esm[name] === cjs[name]))`
    const { stdout, stderr } = node(['--input-type=module', '-e', script])
    t.equal(stdout.trim(), `${names.join()} true`, stderr)
  })
}

t.test('importing the package does nothing: no addon is loaded, nothing is printed', async (t) => {
  const { stdout, stderr } = node([
    '-e',
    'require("ragdraft"); console.log(Object.keys(require.cache).filter((f) => f.endsWith(".node")).length)',
  ])
  t.equal(stdout, '0\n')
  t.equal(stderr, '')
})

t.test('the types resolve for both module formats', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ragdraft-types-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  mkdirSync(path.join(folder, 'node_modules'))
  symlinkSync(root, path.join(folder, 'node_modules', 'ragdraft'), 'junction')
  symlinkSync(path.join(root, 'node_modules', '@types'), path.join(folder, 'node_modules', '@types'), 'junction')
  const use = `
    export async function main(): Promise<string> {
      await using model = await loadModel('m.gguf', { device: 'auto', onProgress: ({ phase }) => console.error(phase) })
      await using doc = await model.open({ path: 'book.txt' }, { kv: 'bf16' })
      const answer = doc.ask('Who?', { mode: 'exact', transfer: 10, seed: 7n })
      for await (const delta of answer) process.stdout.write(delta)
      const { text, citations, stats } = await answer
      const error = new RagdraftError('ERR_CLOSED', 'x')
      demo.demoBook().answer.trim()
      return text + citations[0]?.start.toFixed() + stats.acceptedByPosition.length + error.code
    }
    // @ts-expect-error: not a mode
    export const wrong: AskOptions = { mode: 'fast' }`
  writeFileSync(
    path.join(folder, 'esm.mts'),
    `import { type AskOptions, loadModel, RagdraftError } from 'ragdraft'\nimport * as demo from 'ragdraft/demo'${use}`,
  )
  writeFileSync(
    path.join(folder, 'cjs.cts'),
    `import ragdraft = require('ragdraft')\nimport demo = require('ragdraft/demo')\nimport { type AskOptions, loadModel, RagdraftError } from 'ragdraft'\nexport const all = ragdraft${use}`,
  )
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023,esnext.disposable',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  const { status, stdout } = node([tsc, ...flags, 'esm.mts', 'cjs.cts'], folder)
  t.equal(status, 0, stdout)
})

t.test('a package loads its prebuilt binary, and has no script that an installation would run', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ragdraft-prebuilt-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const prebuilds = path.join(folder, 'prebuilds', `${process.platform}-${process.arch}`)
  mkdirSync(prebuilds, { recursive: true })
  const binary = path.join(prebuilds, thisMachine().libc === 'musl' ? 'node.napi.musl.node' : 'node.napi.node')
  copyFileSync(addonPath(), binary)
  copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'))
  cpSync(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction')

  const { scripts, gypfile, files } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall']) t.notOk(name in scripts, name)
  t.equal(gypfile, false, 'else npm builds binding.gyp')
  t.ok(files.includes('prebuilds'))
  const script =
    'require("./dist/runtime/addon/load").native(); console.log(Object.keys(require.cache).filter((f) => f.endsWith(".node")).map((f) => fs.realpathSync(f)).join())'
  const { RAGDRAFT_PREBUILD: _, ...env } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8', env })
  t.equal(stdout.trim(), realpathSync(binary), stderr)
})

t.test('the command is executable by node and prints its version', async (t) => {
  t.ok(readFileSync(main, 'utf8').startsWith('#!/usr/bin/env node\n'))
  const { status, stdout, stderr } = node([main, '--version'])
  t.equal(status, 0, stderr)
  t.equal(stdout.trim(), JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version)
})

t.test('the command sets its exit code: 2 for wrong usage', async (t) => {
  const { status, stdout, stderr } = node([main, 'ask', 'only-a-file'])
  t.equal(status, 2)
  t.equal(stdout, '')
  t.match(stderr, /^ragdraft: ask takes FILE and QUESTION/)
})

t.test('the command ends quietly when the reader of its output has gone', async (t) => {
  const child = spawn(process.execPath, [main, '--help'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (part) => {
    stderr += part
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  t.equal(code, 0)
  t.equal(stderr, '')
})
