/** What is published: prebuilds that run where docs/platforms.md says, and the CUDA module in a package of its own. */
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'

const root = process.cwd()
const cuda = path.join(root, 'packages', 'cuda')
const objdump = spawnSync('objdump', ['--version']).error === undefined
// The release workflow has all prebuilds and insists on them; a checkout has those that somebody built.
const insist = process.env.RAGDRAFT_ALL_PREBUILDS === '1'

/** Whether `version` ("2.28") is a later one than `limit`. */
function later(version: string, limit: string): boolean {
  const [a = [], b = []] = [version, limit].map((text) => text.split('.').map(Number))
  for (let i = 0; i < Math.max(a.length, b.length); i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) > (b[i] ?? 0)
  return false
}

/** Symbol versions that a file needs, as objdump -T prints them: "(GLIBC_2.14)". */
const needs = (symbols: string) =>
  [...symbols.matchAll(/\b([A-Z]+)_([0-9][0-9.]*)\b/g)].map(([, of, version]) => ({ of: of!, version: version! }))

t.test('versions are compared by their numbers', (t) => {
  t.notOk(later('2.28', '2.28'))
  t.notOk(later('2.4', '2.28'))
  t.notOk(later('2', '2.28'))
  t.ok(later('2.29', '2.28'))
  t.ok(later('2.28.1', '2.28'))
  t.strictSame(needs('0000 DF *UND* 0000 (GLIBC_2.36) arc4random\n0000 w D *UND* (GLIBCXX_3.4.30) x'), [
    { of: 'GLIBC', version: '2.36' },
    { of: 'GLIBCXX', version: '3.4.30' },
  ])
  t.end()
})

for (const [file, limit] of [
  ['linux-x64/node.napi.node', '2.28'],
  ['linux-arm64/node.napi.node', '2.28'],
  ['linux-x64/node.napi.musl.node', undefined],
  ['linux-arm64/node.napi.musl.node', undefined],
] as const) {
  const prebuild = path.join(root, 'prebuilds', file)
  const skip = !objdump ? 'no objdump' : !fs.existsSync(prebuild) && !insist && 'it was not built'
  t.test(`${file} needs ${limit ? `glibc ${limit} at most` : 'no version of any library'}, and Node`, { skip }, (t) => {
    const symbols = execFileSync('objdump', ['-T', prebuild], { encoding: 'utf8' })
    for (const { of, version } of needs(symbols)) {
      if (limit === undefined) t.fail(`it needs ${of}_${version}`)
      else if (of !== 'GLIBC' || later(version, limit)) t.fail(`it needs ${of}_${version}`)
    }
    t.match(symbols, /\bnapi_create_function\b/, 'it calls Node-API')
    t.match(symbols, /\bnapi_register_module_v1\b/, 'Node finds its entry')
    const libraries = execFileSync('objdump', ['-p', prebuild], { encoding: 'utf8' }).match(/(?<=NEEDED\s+)\S+/g) ?? []
    const known = /^(lib(c|m|dl|rt|pthread)\.so(\.\d)?|ld-linux-(x86-64|aarch64)\.so\.\d)$/
    t.strictSame(
      libraries.filter((name) => !known.test(name)),
      [],
      'no library but the C library',
    )
    t.end()
  })
}

for (const file of ['win32-x64/node.napi.node', 'darwin-x64/node.napi.node', 'darwin-arm64/node.napi.node'])
  t.test(`${file} is there`, { skip: !insist && 'the release has it' }, (t) => {
    t.ok(fs.existsSync(path.join(root, 'prebuilds', file)))
    t.end()
  })

t.test('prebuilds hold the addon alone', { skip: !fs.existsSync(path.join(root, 'prebuilds')) && 'none was built' }, (t) => {
  const files = fs.readdirSync(path.join(root, 'prebuilds'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { name } of files) t.match(name, /^node\.napi(\.musl)?\.node$/)
  t.end()
})

t.test('ragdraft-cuda has the version of ragdraft, and exports where its files lie', (t) => {
  const read = (folder: string) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const [own, ours] = [read(cuda), read(root)]
  t.equal(own.version, ours.version)
  t.equal(own.scripts.install, undefined, 'it needs no script of its user')
  const exported = require(cuda)
  t.strictSame(exported, {
    version: ours.version,
    module: path.join(cuda, 'libragdraft_cuda.so'),
    probe: path.join(cuda, 'ragdraft-cuda-probe'),
  })
  for (const file of [exported.module, exported.probe]) t.ok(own.files.includes(path.basename(file)), 'it is packed')
  t.end()
})
