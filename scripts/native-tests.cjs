'use strict'
// Builds and runs the C++ tests: node scripts/native-tests.cjs [--sanitize] [--isa NAME]... [filter]
// Prints their TAP. --sanitize: ASan + UBSan, once for each instruction set that this machine has.
const { spawnSync } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const args = process.argv.slice(2)
const sanitize = args.includes('--sanitize')
const filter = args.filter((a) => !a.startsWith('--'))
const build = path.join(root, 'build', sanitize ? 'native-tests-sanitized' : 'native-tests')

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error) throw result.error
  return result.status ?? 1
}
// The build speaks on stderr: stdout is TAP.
const quiet = { stdio: ['ignore', 2, 2] }
const configure = ['-S', '.', '-B', build, '-DRAGDRAFT_BUILD_TESTS=ON', '-DRAGDRAFT_CUDA=OFF', '-DCMAKE_BUILD_TYPE=Release']
if (sanitize) configure.push('-DRAGDRAFT_SANITIZE=address,undefined')
const failed =
  run('cmake', configure, quiet) ||
  run('cmake', ['--build', build, '--target', 'native_tests', '--parallel', String(os.availableParallelism())], quiet)
if (failed) process.exit(failed)

const program = path.join(build, 'native_tests')
const isas = sanitize ? ['generic', 'avx2', ''] : ['']
let status = 0
for (const isa of isas) {
  const env = { ...process.env, ASAN_OPTIONS: 'abort_on_error=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' }
  if (isa) env.RAGDRAFT_ISA = isa
  status ||= run(program, filter, { env })
}
process.exit(status)
