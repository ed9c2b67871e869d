'use strict'
// ASan + UBSan: one build of the C++ tests and the addon. The tests run, those of kernels once for each instruction set of this machine,
// those of the CUDA module on the emulated device, then the addon's border under tap:
//   node scripts/sanitized.cjs [test files...]   (default: test/addon)
// Leaks of Node's own make LeakSanitizer useless under tap; the C++ tests run with it.
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const out = path.join(root, 'build', 'sanitized')
const files = process.argv.length > 2 ? process.argv.slice(2) : ['test/addon/*.test.ts']
const sanitizers = { ASAN_OPTIONS: 'abort_on_error=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' }

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } })
  if (result.error) throw result.error
  if (result.status !== 0) process.exit(result.status ?? 1)
}

const cmake = [
  require.resolve('cmake-js/bin/cmake-js'),
  'compile',
  ...['-O', path.join(out, 'cmake'), '-B', 'Release', '-p', String(os.availableParallelism())],
  ...['--CDRAGDRAFT_SANITIZE=address,undefined', '--CDRAGDRAFT_BUILD_TESTS=ON', '--CDRAGDRAFT_CUDA=OFF'],
  `--CDRAGDRAFT_OUTPUT_DIR=${path.join(out, 'build', 'Release')}`,
]
run(process.execPath, cmake)

const isas = JSON.parse(
  execFileSync(process.execPath, ['-p', 'JSON.stringify(require("node-gyp-build")(".").isas)'], { cwd: root, encoding: 'utf8' }),
)
const tests = path.join(root, 'test', 'native')
const usesKernels = (file) => file.endsWith('_test.cc') && fs.readFileSync(path.join(tests, file), 'utf8').includes('cpu_backend')
const ofKernels = fs.readdirSync(tests).filter(usesKernels)
for (const [i, isa] of isas.entries())
  run(path.join(out, 'cmake', 'native_tests'), i === 0 ? [] : ofKernels, { ...sanitizers, RAGDRAFT_ISA: isa })
// Whole answers and their measurement take the emulated device a quarter of an hour under sanitizers; their kernels and passes are here.
const wholeAnswers = ['decoder_test.cc', 'gpu_check_test.cc']
const device = path.join(root, 'test', 'cuda')
const ofDevice = [...fs.readdirSync(device), ...fs.readdirSync(path.join(device, 'emulator'))].filter((f) => f.endsWith('_test.cc'))
run(
  path.join(out, 'cmake', 'cuda_tests'),
  ofDevice.filter((f) => !wholeAnswers.includes(f)),
  sanitizers,
)

const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
const tap = require.resolve('tap/package.json')
run(process.execPath, [path.join(path.dirname(tap), require(tap).bin.tap), ...files], {
  ...sanitizers,
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
  RAGDRAFT_PREBUILD: out, // node-gyp-build looks here first
})
