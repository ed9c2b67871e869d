'use strict'
// Builds for a platform, this one or another, and runs what was built where something here can run it (docs/platforms.md).
//   node scripts/cross.cjs TARGET prebuild            prebuilds/<platform>-<arch>/node.napi[.musl].node
//   node scripts/cross.cjs TARGET binary              the addon, in build/cross/TARGET; prebuildify calls this as its node-gyp
//   node scripts/cross.cjs TARGET programs            the C++ tests, for a machine of that platform: build/cross/TARGET/native_tests
//   node scripts/cross.cjs TARGET tests [part ...]    builds and runs those whose "file: title" holds one of the parts
//   node scripts/cross.cjs TARGET answer              the prebuild in a Node of that platform, which RAGDRAFT_CROSS_NODE names
// RAGDRAFT_ZIG names zig's compiler (default: `zig`). Nothing is installed here; what is missing is named.
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')

// Of all targets: the oldest glibc and macOS that their binaries run on.
const glibc = '2.28'
const macos = '11.0'
const zigProgram = process.env.RAGDRAFT_ZIG || 'zig'
// kernels: the g++ that compiles them (cmake/kernel_compiler.cmake); without one zig does.
const zig = (target, kernels) => ({
  cmake: [
    '-DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/zig.cmake',
    `-DRAGDRAFT_ZIG_TARGET=${target}`,
    `-DRAGDRAFT_KERNEL_COMPILER=${kernels ?? ''}`,
  ],
  needs: kernels ? [zigProgram, kernels] : [zigProgram],
})
const apple = (arch, zigArch) =>
  process.platform === 'darwin'
    ? { cmake: [`-DCMAKE_OSX_ARCHITECTURES=${arch}`, `-DCMAKE_OSX_DEPLOYMENT_TARGET=${macos}`], needs: ['clang++'], run: [] }
    : zig(`${zigArch}-macos.${macos}`)
const arm64 = process.arch === 'arm64' ? [] : ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
const targets = {
  'linux-x64': { ...zig(`x86_64-linux-gnu.${glibc}`, 'x86_64-linux-gnu-g++'), run: [] },
  'linux-arm64': { ...zig(`aarch64-linux-gnu.${glibc}`, 'aarch64-linux-gnu-g++'), run: arm64 },
  'linux-x64-musl': { ...zig('x86_64-linux-musl', 'x86_64-linux-gnu-g++'), run: [] },
  'linux-arm64-musl': { ...zig('aarch64-linux-musl', 'aarch64-linux-gnu-g++'), run: arm64 },
  'win32-x64': {
    cmake: ['-DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/windows-x64.cmake'],
    needs: ['x86_64-w64-mingw32-g++-posix'],
    run: process.platform === 'win32' ? [] : ['wine'],
    suffix: '.exe',
  },
  'darwin-x64': apple('x86_64', 'x86_64'),
  'darwin-arm64': apple('arm64', 'aarch64'),
}

function fail(message) {
  console.error(`cross: ${message}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error) fail(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

const [name, what = 'prebuild', ...parts] = process.argv.slice(2)
const target = targets[name]
if (!target || !['prebuild', 'binary', 'programs', 'tests', 'answer'].includes(what))
  fail(`cross.cjs TARGET prebuild|binary|programs|tests|answer; TARGET: ${Object.keys(targets).join(', ')}`)
const build = path.join(root, 'build', 'cross', name)
const [platform, arch, libc] = name.split('-')
const prebuild = path.join('prebuilds', `${platform}-${arch}`, `node.napi${libc ? `.${libc}` : ''}.node`)
const output = path.join(build, 'build', 'Release') // where prebuildify looks for what its node-gyp has built

function make(cmakeTarget) {
  const missing = ['cmake', ...target.needs].filter((program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error)
  if (missing.length > 0) fail(`${name} needs ${missing.join(' and ')}: docs/platforms.md says from where`)
  const env = { ...process.env, RAGDRAFT_CUDA_BUILD: 'OFF', RAGDRAFT_RELEASE: 'ON' }
  // The build speaks on stderr: what runs then has stdout for its TAP.
  const stdio = ['ignore', 2, 2]
  run('cmake', ['-S', '.', '-B', build, `-DRAGDRAFT_OUTPUT_DIR=${output}`, '-DCMAKE_BUILD_TYPE=Release', ...target.cmake], { env, stdio })
  run('cmake', ['--build', build, '--target', cmakeTarget, '--parallel', String(os.availableParallelism())], { env, stdio })
}

function runner() {
  if (!target.run) fail(`nothing here runs programs of ${name}`)
  const [program] = target.run
  if (program && spawnSync(program, ['--version'], { stdio: 'ignore' }).error)
    fail(`${name} needs ${program}: docs/platforms.md says from where`)
  return target.run
}

// As a user has it: the package's files and this one prebuild, in a folder from where its dependencies are found.
function stage() {
  const folder = path.join(build, 'package')
  fs.rmSync(folder, { recursive: true, force: true })
  for (const entry of ['package.json', 'dist', 'assets', prebuild]) {
    if (!fs.existsSync(path.join(root, entry))) fail(`${entry} is missing: npm run build:ts, node scripts/cross.cjs ${name} prebuild`)
    fs.cpSync(path.join(root, entry), path.join(folder, entry), { recursive: true })
  }
  return folder
}

if (what === 'binary') {
  make('ragdraft')
} else if (what === 'prebuild') {
  fs.mkdirSync(build, { recursive: true })
  const options = {
    ...{ cwd: build, out: root, platform, arch, napi: true, name: 'node.napi', tagLibc: libc ?? false, strip: false, shell: true },
    nodeGyp: `"${process.execPath}" "${__filename}" ${name} binary`, // what it adds, "rebuild --target=...", is not read
  }
  require('prebuildify')(options, (error) => {
    if (error) fail(`${prebuild} was not built: ${error.message}`)
    console.error(`cross: ${prebuild}, ${fs.statSync(path.join(root, prebuild)).size} bytes`)
  })
} else if (what === 'programs') {
  make('native_tests')
} else if (what === 'tests') {
  const through = runner()
  make('native_tests')
  const [program, ...args] = [...through, path.join(build, `native_tests${target.suffix ?? ''}`), ...parts]
  run(program, args)
} else {
  const node =
    process.env.RAGDRAFT_CROSS_NODE ||
    (target.run?.length === 0 ? process.execPath : fail('RAGDRAFT_CROSS_NODE names no Node of that platform'))
  const [program, ...args] = [...runner(), node, path.join('test', 'platforms', 'answer.cjs'), stage()]
  // Into a file: Node for Windows cannot write to what Wine gives it for a pipe.
  const answer = path.join(build, 'answer.txt')
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', fs.openSync(answer, 'w'), 'inherit'] })
  process.stdout.write(fs.readFileSync(answer))
  if (error) fail(`${program}: ${error.message}`)
  process.exitCode = status ?? 1
}
