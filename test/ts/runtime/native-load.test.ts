/** Finding and loading the addon: what is told where there is none, or one that is no good. Nothing is built or installed here. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t, { type Test } from 'tap'
import { RagdraftError } from '../../../lib/base/errors'
import { kindOf, readKind } from '../../../lib/runtime/addon/binary-kind'
import { addonPath, binaryOf, loadBinary } from '../../../lib/runtime/addon/load'
import { notFound, notLoadable } from '../../../lib/runtime/addon/load-error'
import { machineText, thisMachine } from '../../../lib/runtime/addon/machine'
import { prebuiltBinaries } from '../../../lib/runtime/addon/prebuilt'
import { isStaleBuild } from '../../../lib/runtime/addon/stale'
import { unpacked } from '../../../lib/runtime/addon/unpacked'
import { chooseFiles } from '../../../lib/runtime/gpu/cuda-files'
import { probeGpus } from '../../../lib/runtime/gpu/cuda-probe'
import { ownPackage, packageIn } from '../../../lib/runtime/package-root'

delete process.env.RAGDRAFT_PREBUILD // scripts/sanitized.cjs sets it: it would be found before any folder of these tests
const { platform, arch } = process
const manifest = JSON.stringify({ name: 'ragdraft', version: '1.2.3' })
const machine = { platform: 'linux', arch: 'x64', libc: 'glibc 2.31' }

function failure(run: () => unknown): RagdraftError {
  try {
    run()
  } catch (error) {
    return error as RagdraftError
  }
  throw new Error('nothing was thrown')
}

/** The error of looking for a binary in a folder; it is ERR_NATIVE_LOAD for that problem. */
function problemIn(t: Test, root: string, shipped: Record<string, string>, problem: string): string {
  const error = failure(() => binaryOf(root, shipped))
  t.ok(error instanceof RagdraftError)
  t.match(error, { code: 'ERR_NATIVE_LOAD', details: { problem } }, error.message)
  return error.message
}

/** The first bytes of a binary for a machine. */
function head(kind: 'elf' | 'mach-o' | 'pe', machine: number): Buffer {
  const bytes = Buffer.alloc(256)
  if (kind === 'elf') {
    bytes.write('\x7fELF\x02\x01\x01', 'latin1')
    bytes.writeUInt16LE(machine, 18)
  } else if (kind === 'mach-o') {
    bytes.writeUInt32LE(0xfeedfacf, 0)
    bytes.writeUInt32LE(machine, 4)
  } else {
    bytes.write('MZ', 'latin1')
    bytes.writeUInt32LE(128, 60)
    bytes.write('PE\0\0', 128, 'latin1')
    bytes.writeUInt16LE(machine, 132)
  }
  return bytes
}

t.test('a package without a binary for this platform names the platform, what there is, and the remedy', (t) => {
  const root = t.testdir({ 'package.json': manifest, prebuilds: { 'plan9-mips': { 'node.napi.node': '' } } })
  const shipped = { 'plan9-mips': path.join(root, 'prebuilds', 'plan9-mips', 'node.napi.node'), 'os2-x64': path.join(root, 'absent') }
  const message = problemIn(t, root, shipped, 'platform')
  t.ok(message.includes(machineText(thisMachine())), message)
  t.match(machineText(thisMachine()), `${platform}-${arch} (`)
  if (platform === 'linux') t.match(thisMachine().libc, /^(glibc \d+\.\d+|musl)$/)
  t.match(message, /those for plan9-mips\. "npx ragdraft build"/)
  t.notMatch(message, 'os2')
  t.match(failure(() => binaryOf(root, shipped)).cause, { message: /No native build was found/ })
  t.end()
})

t.test('a checkout runs no binary that was built from other sources; an installed package does not ask', (t) => {
  const root = t.testdir({
    'package.json': manifest,
    '.git': '',
    'CMakeLists.txt': '',
    cmake: {},
    native: { 'main.cc': 'int a;' },
    build: { Release: { 'ragdraft.node': '' } },
    scripts: { build: { 'sources.cjs': readFileSync(path.resolve('scripts', 'build', 'sources.cjs'), 'utf8') } },
  })
  const binary = path.join(root, 'build', 'Release', 'ragdraft.node')
  t.match(problemIn(t, root, {}, 'stale'), /not those that its binary was built from. "npm run build"/)
  const { digest, stamp } = require(path.join(root, 'scripts', 'build', 'sources.cjs'))
  stamp(binary, digest(root))
  t.equal(binaryOf(root, {}), binary)
  writeFileSync(path.join(root, 'native', 'main.cc'), 'int b;')
  const later = new Date(Date.now() + 60_000)
  utimesSync(path.join(root, 'native', 'main.cc'), later, later)
  problemIn(t, root, {}, 'stale')
  t.equal(isStaleBuild(root, path.join(root, 'build', 'sanitized', 'build', 'Release', 'ragdraft.node')), false, 'of another build')
  rmSync(path.join(root, '.git'))
  t.equal(binaryOf(root, {}), binary)
  t.end()
})

t.test('sources without binaries: a checkout that was never built, one whose build failed, a git dependency', (t) => {
  const checkout = t.testdir({ 'package.json': manifest, lib: { 'index.ts': '' } })
  t.match(problemIn(t, checkout, {}, 'scripts-blocked'), /never built: "npm ci" builds it unless scripts are blocked.*"npm run build"/)
  mkdirSync(path.join(checkout, 'build', 'cmake'), { recursive: true })
  t.match(problemIn(t, checkout, {}, 'not-built'), /has no binary: its build failed or has not ended. "npm run build"/)
  const dependency = t.testdir({ dep: { 'package.json': manifest, dist: {} } })
  t.match(problemIn(t, path.join(dependency, 'dep'), {}, 'scripts-blocked'), /git dependency.*npm 12.*npx ragdraft build/)
  t.end()
})

t.test('code that was bundled into another program says how to keep it external', (t) => {
  const root = t.testdir({ 'package.json': JSON.stringify({ name: 'app', version: '1.0.0' }), bare: {}, broken: { 'package.json': '{' } })
  for (const [folder, what] of [
    [root, /belongs to another package/],
    [path.join(root, 'bare'), /no package\.json of its own/],
    [path.join(root, 'broken'), /no package\.json of its own/],
  ] as const) {
    const message = problemIn(t, folder, {}, 'bundled')
    t.match(message, what)
    for (const tool of ['esbuild --external:ragdraft', 'webpack externals', 'Vite ssr', 'Rollup', 'Next serverExternalPackages'])
      t.ok(message.includes(tool), tool)
  }
  t.match(packageIn(ownPackage().root), { version: JSON.parse(readFileSync('package.json', 'utf8')).version })
  t.end()
})

t.test('archives of any name: the copy beside is taken where it is, else the error says how to unpack', (t) => {
  const binary = { [`${platform}-${arch}`]: { 'node.napi.node': 'no binary' } }
  const inside = { node_modules: { ragdraft: { 'package.json': manifest } } }
  const folder = t.testdir({
    'app-arm64.asar': inside,
    'app-arm64.asar.unpacked': { node_modules: { ragdraft: { prebuilds: structuredClone(binary) } } },
    'core.asar': structuredClone(inside),
    'whole.asar': { node_modules: { ragdraft: { 'package.json': manifest, prebuilds: binary } } },
  })
  const rootIn = (archive: string) => path.join(folder, archive, 'node_modules', 'ragdraft')
  const file = (archive: string) => path.join(rootIn(archive), 'prebuilds', `${platform}-${arch}`, 'node.napi.node')
  t.equal(binaryOf(rootIn('app-arm64.asar'), {}), file('app-arm64.asar.unpacked'))
  t.match(problemIn(t, rootIn('core.asar'), {}, 'asar'), /asarUnpack.*asar: \{ unpackDir/)
  const packed = binaryOf(rootIn('whole.asar'), {})
  t.equal(packed, file('whole.asar'), 'Electron may load it all the same')
  t.match(
    failure(() => loadBinary(packed)),
    { code: 'ERR_NATIVE_LOAD', message: /asarUnpack/, details: { problem: 'asar', file: packed } },
  )
  t.equal(unpacked('/a/app.asar.unpacked/b.node'), '/a/app.asar.unpacked/b.node')
  t.equal(unpacked('/a/my.asarian/b.node'), '/a/my.asarian/b.node')
  t.end()
})

t.test('a binary that is damaged or for another machine: the loader is quoted, and the cause kept', (t) => {
  const other = arch === 'arm64' ? 'x64' : 'arm64'
  const folder = t.testdir({ 'empty.node': '', 'text.node': 'not a binary, but long enough to be looked at' })
  writeFileSync(path.join(folder, 'other.node'), head('elf', other === 'arm64' ? 183 : 62))
  for (const [name, problem, advice] of [
    ['empty.node', 'damaged', /install ragdraft again/],
    ['text.node', 'damaged', /install ragdraft again/],
    ['other.node', 'architecture', new RegExp(`It is for linux-${other}: do not copy node_modules`)],
  ] as const) {
    const file = path.join(folder, name)
    const error = failure(() => loadBinary(file))
    t.ok(error instanceof RagdraftError)
    t.match(error, { code: 'ERR_NATIVE_LOAD', message: advice, details: { problem, file, platform, arch } })
    const { message } = error.cause as Error
    t.ok(message.length > 0 && error.message.includes(message), error.message)
  }
  t.end()
})

t.test('the words of loaders are understood', (t) => {
  const file = t.testdir({ 'x.node': '' })
  const binary = path.join(file, 'x.node')
  writeFileSync(binary, head('elf', 62))
  for (const [words, problem, advice] of [
    [`/lib/libc.so.6: version \`GLIBC_2.36' not found (required by x.node)`, 'libraries', /needs GLIBC_2\.36 and this system is older/],
    [`/lib/libstdc++.so.6: version \`GLIBCXX_3.4.30' not found`, 'libraries', /needs GLIBCXX_3\.4\.30/],
    ['libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory', 'libraries', /another C library.*LIBC=musl/],
    ['Error loading shared library ld-linux-x86-64.so.2: No such file or directory', 'libraries', /another C library/],
    ['libfoo.so.1: cannot open shared object file: No such file or directory', 'libraries', /A library that it needs is not there/],
    ['x.node: failed to map segment from shared object', 'forbidden', /noexec/],
    ['x.node: file too short', 'damaged', /install ragdraft again/],
    ['Module did not self-register', 'loader', /npx ragdraft build/],
  ] as const) {
    const error = notLoadable(binary, machine, new Error(words))
    t.match(error, { code: 'ERR_NATIVE_LOAD', message: advice, details: { problem, libc: 'glibc 2.31' } }, words)
    t.ok(error.message.includes(words) && error.message.includes('linux-x64 (glibc 2.31, '), words)
  }
  t.match(notLoadable(binary, { ...machine, platform: 'darwin' }, new Error('?')).details, { problem: 'architecture' })
  t.match(notLoadable('/absent', machine, new Error('no such file')).details, { problem: 'loader' }, 'the loader says it')
  t.match(notFound('/x', machine, {}, undefined).message, /built for linux-x64 \(glibc 2\.31/)
  t.end()
})

t.test('binaries are told apart by their first bytes', (t) => {
  t.same(kindOf(head('elf', 62)), { platform: 'linux', arch: 'x64' })
  t.same(kindOf(head('elf', 183)), { platform: 'linux', arch: 'arm64' })
  t.same(kindOf(head('elf', 9999)), { platform: 'linux', arch: 'machine 9999' })
  t.same(kindOf(head('mach-o', 0x0100000c)), { platform: 'darwin', arch: 'arm64' })
  t.same(kindOf(head('pe', 0x8664)), { platform: 'win32', arch: 'x64' })
  t.same(kindOf(head('pe', 0xaa64)), { platform: 'win32', arch: 'arm64' })
  const big = head('elf', 0)
  big[5] = 2
  big.writeUInt16BE(22, 18)
  t.same(kindOf(big), { platform: 'linux', arch: 's390x' })
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(300), head('elf', 62).subarray(0, 19), head('pe', 0x8664).subarray(0, 130)])
    t.equal(kindOf(bytes), undefined)
  t.same(readKind(process.execPath), { platform, arch })
  t.end()
})

t.test(
  'node-gyp-build resolves the names of the shipped binaries, by the C library',
  { skip: platform !== 'linux' && 'Linux alone' },
  (t) => {
    const files = { 'node.napi.node': '', 'node.napi.musl.node': '' }
    const root = t.testdir({ 'package.json': manifest, prebuilds: { 'linux-x64': files, 'linux-arm64': { ...files } } })
    const program = 'console.log(require("node-gyp-build").resolve(process.argv[1]))'
    const { RAGDRAFT_PREBUILD: _, ...environment } = process.env
    for (const cpu of ['x64', 'arm64'] as const) {
      for (const [libc, name] of [
        ['glibc', `linux-${cpu}`],
        ['musl', `linux-${cpu}-musl`],
      ] as const) {
        const env = { ...environment, LIBC: libc, npm_config_arch: cpu }
        const { stdout, stderr } = spawnSync(process.execPath, ['-e', program, root], { encoding: 'utf8', env })
        const shipped = prebuiltBinaries()[name]
        t.equal(stdout.trim(), path.join(root, path.relative(ownPackage().root, shipped)), stderr)
        t.equal(path.basename(shipped), libc === 'musl' ? 'node.napi.musl.node' : 'node.napi.node', 'as @electron/rebuild looks for it')
      }
    }
    t.end()
  },
)

t.test('an addon that lies where it should is found and loaded', (t) => {
  t.ok(loadBinary(addonPath()).isas.length > 0)
  t.end()
})

t.test('the CUDA module: as the environment says, beside the addon, or from the package of the same version', (t) => {
  const windows = platform === 'win32'
  const [module, probe] = windows ? ['ragdraft_cuda.dll', 'ragdraft-cuda-probe.exe'] : ['libragdraft_cuda.so', 'ragdraft-cuda-probe']
  const folder = t.testdir({
    both: { [module]: '', [probe]: '' },
    probe: { [probe]: '' },
    module: { [module]: '' },
    none: {},
    'app.asar': { [module]: '', [probe]: '' },
    'app.asar.unpacked': { [module]: '', [probe]: '' },
  })
  const at = (name: string) => path.join(folder, name)
  const files = (moduleFolder: string, probeFolder: string) => ({
    module: path.join(at(moduleFolder), module),
    probe: path.join(at(probeFolder), probe),
  })
  const installed =
    (name: string, version = '1.2.3') =>
    () => ({ version, ...files(name, name) })
  const never = () => {
    throw new Error('the package is not asked')
  }
  t.same(chooseFiles(files('module', '').module, at('both'), '1.2.3', never), files('module', 'both'), 'the probe of the build will do')
  t.same(chooseFiles(undefined, at('both'), '1.2.3', never), files('both', 'both'))
  t.same(chooseFiles('', at('none'), '1.2.3', installed('both')), files('both', 'both'))
  t.same(chooseFiles(undefined, at('none'), '1.2.3', installed('app.asar')), files('app.asar.unpacked', 'app.asar.unpacked'))
  const none = () => undefined
  t.match(chooseFiles('/absent.so', at('both'), '1.2.3', never), /RAGDRAFT_CUDA_MODULE names \/absent\.so, which does not exist/)
  t.match(chooseFiles(undefined, at('none'), '1.2.3', none), /there is no CUDA module: .*RAGDRAFT_CUDA_BUILD=ON/)
  t.match(chooseFiles(undefined, at('none'), '1.2.3', installed('both', '1.2.4')), /ragdraft-cuda 1\.2\.4 does not fit ragdraft 1\.2\.3/)
  t.match(chooseFiles(undefined, at('none'), '1.2.3', installed('none')), /lacks its module/)
  t.match(chooseFiles(undefined, at('module'), '1.2.3', never), /lacks the program that tries GPUs \(.*ragdraft-cuda-probe/)
  t.match(chooseFiles(undefined, at('none'), '1.2.3', installed('module')), /lacks the program that tries GPUs/)
  t.end()
})

t.test('the program that tries GPUs prints one line of JSON, whatever the texts in it', { skip: platform !== 'linux' }, (t) => {
  const probe = path.join(path.dirname(addonPath()), 'ragdraft-cuda-probe')
  const module = '/absent/"quoted"\\\n\t.so'
  const env = { ...process.env, RAGDRAFT_CUDA_FORCE_LOAD: '1' } // else it is not opened without a driver
  const { stdout, status } = spawnSync(probe, [module, '30'], { encoding: 'utf8', env })
  t.equal(status, 0)
  const lines = stdout.trim().split('\n')
  t.equal(lines.length, 1)
  const report = JSON.parse(lines[0]!)
  t.same(report.devices, [])
  t.ok(report.reason.startsWith(`${module}: `), report.reason)
  for (const wrong of [[], [module], [module, '0'], [module, '3601'], [module, 'x']]) t.equal(spawnSync(probe, wrong).status, 2)
  t.end()
})

t.test(
  'a program that tries GPUs and cannot be started, or prints something else, is a reason',
  { skip: platform === 'win32' },
  async (t) => {
    const folder = t.testdir({
      'broken-off': '#!/bin/sh\necho "the driver greets you"\n',
      fails: '#!/bin/sh\necho one >&2; echo two >&2; exit 3\n',
      speaks: '#!/bin/sh\nprintf \'hello\\n{"devices":[],"reason":"asked for %s"}\\n\' "$1"\n',
      'not-executable': '',
    })
    for (const name of ['broken-off', 'fails', 'speaks']) chmodSync(path.join(folder, name), 0o755)
    const reason = async (name: string) => (await probeGpus({ module: '/m.so', probe: path.join(folder, name) })).reason
    t.match(await reason('absent'), /no process can be started to try the GPU driver: spawn .*ENOENT/)
    t.match(await reason('not-executable'), /no process can be started to try the GPU driver: spawn .*EACCES/)
    t.equal(await reason('fails'), 'the process that tried the GPU driver failed: two')
    t.match(await reason('broken-off'), /gave no report, but "the driver greets you"/)
    t.equal(await reason('speaks'), 'asked for /m.so')
  },
)
