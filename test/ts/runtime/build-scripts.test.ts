/** The scripts that build the addon: what they ask of a machine, when a binary counts as stale, what they print. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'

const { digest, isStale, stamp } = require('../../../scripts/build/sources.cjs')
const { buildProgress } = require('../../../scripts/build/progress.cjs')
const requirements = path.resolve('scripts', 'build', 'requirements.cjs')

/** What is missing where the path holds these programs only, each a shell script. */
function missing(folder: string, programs: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}): string {
  fs.mkdirSync(folder)
  for (const [name, script] of Object.entries(programs))
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const program = `process.stdout.write(require(${JSON.stringify(requirements)}).missingRequirements() ?? 'nothing')`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env: { ...environment, PATH: folder } })
  return stdout || stderr
}

t.test('all that a machine lacks is named at once', { skip: process.platform === 'win32' && 'shell scripts' }, (t) => {
  const folder = t.testdir()
  const compiler = 'exit 0'
  const cmake = 'echo cmake version 3.18.4'
  t.match(missing(path.join(folder, 'nothing'), {}), /lacks: CMake 3\.18 or later; a C\+\+20 compiler .*; Ninja or make\./)
  t.equal(missing(path.join(folder, 'all'), { cmake, 'c++': compiler, make: 'exit 0' }), 'nothing')
  t.equal(missing(path.join(folder, 'ninja'), { cmake, g: compiler, ninja: 'exit 0' }, { CXX: 'g --flag' }), 'nothing')
  t.match(missing(path.join(folder, 'old'), { cmake: 'echo cmake version 3.17.3', 'clang++': compiler, make: 'exit 0' }), /there is 3\.17/)
  const knowsNoC20 = 'case $* in *c++20*) exit 1 ;; esac'
  t.match(
    missing(path.join(folder, 'c17'), { cmake, 'g++': knowsNoC20, make: 'exit 0' }),
    /lacks: a C\+\+20 compiler .*\(g\+\+ knows no C\+\+20\)\./,
  )
  t.end()
})

t.test('a binary is stale once a source is another, new or gone; not because a file was touched', (t) => {
  const root = t.testdir({
    'CMakeLists.txt': 'project(x)',
    cmake: { 'isa.cmake': '' },
    native: { base: { 'error.cc': 'int a;', 'error.h': '' }, 'main.cc': '' },
    build: { 'ragdraft.node': '' },
  })
  const binary = path.join(root, 'build', 'ragdraft.node')
  const source = path.join(root, 'native', 'base', 'error.cc')
  const later = new Date(Date.now() + 60_000)
  t.equal(isStale(root, binary), true, 'nothing says what it was built from')
  stamp(binary, digest(root))
  t.equal(isStale(root, binary), false)

  fs.utimesSync(source, later, later)
  t.equal(isStale(root, binary), false, 'touched')
  fs.writeFileSync(source, 'int b;')
  fs.utimesSync(source, later, later)
  t.equal(isStale(root, binary), true, 'changed')
  fs.writeFileSync(source, 'int a;')
  fs.utimesSync(source, later, later)
  t.equal(isStale(root, binary), false, 'changed back')

  const added = path.join(root, 'native', 'base', 'added.h')
  fs.writeFileSync(added, '')
  fs.utimesSync(added, later, later)
  t.equal(isStale(root, binary), true, 'new')
  fs.rmSync(added)
  fs.renameSync(source, path.join(root, 'native', 'base', 'fault.cc'))
  t.equal(isStale(root, binary), true, 'renamed')
  t.end()
})

/** What a build with this output prints. */
function printed(lines: readonly string[], isTTY: boolean): string {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  const progress = buildProgress('the native part', Object.assign(stream, { isTTY }))
  for (const line of lines) progress.line(line)
  progress.end()
  return text
}

t.test('a build shows how far it is, and what a compiler says', (t) => {
  const ninja = Array.from({ length: 50 }, (_, i) => `[${i + 1}/50] Building CXX object x${i}.cc.o`)
  const piped = printed([...ninja.slice(0, 20), 'x.cc:1:1: warning: odd', ...ninja.slice(20)], false).split('\n')
  t.match(piped, [
    /: 20 % \(step 10 of 50\)$/,
    /: 40 % /,
    'x.cc:1:1: warning: odd',
    /: 60 % /,
    /: 80 % /,
    /: 100 % /,
    /built the native part in \d+ s$/,
    '',
  ])
  t.equal(piped.length, 8)
  const make = [
    'Scanning dependencies of target x',
    '[  1%] Building CXX object x.cc.o',
    '[100%] Linking CXX static library x.a',
    '[100%] Built target x',
  ]
  t.match(printed(make, false), /^ragdraft: building the native part: 100 %\nragdraft: built/)
  t.match(
    printed(['[0/1] Re-checking globbed directories...', 'ninja: no work to do.'], false),
    /^ragdraft: the native part is up to date\n$/,
  )
  const drawn = printed([...ninja, 'error: wrong'], true)
  t.match(drawn, '\r\x1b[2Kragdraft: building the native part: 50 % (step 25 of 50)')
  t.match(drawn, '\r\x1b[2Kerror: wrong\n', 'the line of the bar is cleared before')
  t.end()
})

t.test(
  'what the environment says of CUDA wins over what a build folder remembers',
  { skip: process.platform !== 'linux' && 'nvcc is hidden by the path' },
  (t) => {
    const build = t.testdir()
    const configure = (cuda: string | undefined) => {
      const { RAGDRAFT_CUDA_BUILD: _, ...rest } = process.env
      const env = {
        ...rest,
        RAGDRAFT_ISAS: 'generic',
        CUDACXX: '/absent/nvcc',
        ...(cuda === undefined ? {} : { RAGDRAFT_CUDA_BUILD: cuda }),
      }
      const { status, stdout, stderr } = spawnSync('cmake', ['-S', '.', '-B', build], { encoding: 'utf8', env })
      return { status, text: stdout + stderr }
    }
    const off = configure('OFF')
    t.equal(off.status, 0, off.text)
    t.notMatch(off.text, /ragdraft: (no )?CUDA|NVIDIA/)
    const on = configure('ON')
    t.not(on.status, 0, 'OFF is not remembered')
    t.match(on.text, /nvcc was found|CUDA compiler/)
    const offAgain = configure('OFF')
    t.equal(offAgain.status, 0, offAgain.text)
    t.match(offAgain.text, /kernels for generic\n/)
    t.end()
  },
)
