'use strict'
// Builds with sanitizers of their own tree, and what runs in them:
//   node scripts/sanitized.cjs              ASan + UBSan: the C++ tests, a selection of the emulated device's, the addon's border under tap
//   node scripts/sanitized.cjs --full       the same with every instruction set and all kernels and passes of the emulated device
//   node scripts/sanitized.cjs --thread     ThreadSanitizer: what runs on several threads, in C++
// Leaks of Node's own make LeakSanitizer useless under tap; the C++ tests run with it.
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { compile, root } = require('./build/compile.cjs')
const options = process.argv.slice(2)
const full = options.includes('--full')
const unknown = options.find((option) => !['--full', '--thread'].includes(option))
if (unknown) throw new Error(`unknown argument ${unknown}`)

const sanitizers = {
  ASAN_OPTIONS: 'abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
  RAGDRAFT_TEST_TIER: full ? 'full' : 'quick',
}

function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...sanitizers, ...env },
  })
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`${path.basename(command)} ${args.join(' ')}: ${result.signal ?? `exit code ${result.status}`}`)
}
const testsIn = (folder) => fs.readdirSync(path.join(root, 'test', 'cpp', folder)).filter((file) => file.endsWith('_test.cc'))

/** Of the emulated device: each family of kernels, a whole model, faults and rounds. Parts of titles; a few minutes. */
const deviceSelection = [
  ...['emulator_test', 'convert_test', 'rope_test', 'rows_test', 'inputs_test', 'masses_test', 'tensor_core_test', 'module_test'],
  ...['attention agrees with the reference for every KV type', 'attention agrees with the reference at the borders of pages'],
  ...['linear_test.cc: products of one launch', 'linear_float_test.cc: products of one launch'],
  ...['judge_test.cc: ties', 'judge_test.cc: so they are over vocabularies', 'a repeated cache', 'operations that throw while'],
  ...['a kernel that fails', 'a device too small', 'texts and caches of rounds on the device', 'greedy lossless is plain, with lengths by'],
]

async function addressAndUndefined() {
  const tree = path.join('build', 'sanitized', 'cmake')
  const out = path.join(root, 'build', 'sanitized')
  const defines = [
    'RAGDRAFT_SANITIZE=address,undefined',
    'RAGDRAFT_CUDA=OFF',
    `RAGDRAFT_OUTPUT_DIR=${path.join(out, 'build', 'Release')}`,
    ...(full ? ['RAGDRAFT_ISAS=ALL', 'RAGDRAFT_AMX_MODEL=ON'] : []),
  ]
  for (const [target, what] of [
    ['native_tests', 'the C++ tests with ASan and UBSan'],
    ['ragdraft', 'the addon with ASan and UBSan'],
    ['cuda_tests', 'the emulated GPU with ASan and UBSan'],
    ['ragdraft_cuda_emulated', 'the emulated GPU as a module'],
  ])
    if (full || target !== 'ragdraft_cuda_emulated') await compile({ folder: tree, target, what, defines })

  run(path.join(root, tree, 'native_tests'), [])
  if (full) {
    // Tests that take the default backend: once with each instruction set.
    const isas = JSON.parse(
      execFileSync(process.execPath, ['-p', 'JSON.stringify(require("node-gyp-build")(".").isas)'], { cwd: root, encoding: 'utf8' }),
    )
    for (const isa of isas.slice(1))
      run(path.join(root, tree, 'native_tests'), [...testsIn('ops'), 'selection_test.cc'], { RAGDRAFT_ISA: isa })
  }
  // Whole answers take the emulated device a quarter of an hour under sanitizers.
  const wholeAnswers = ['decoder_test.cc', 'gpu_check_test.cc']
  const all = [...testsIn('cuda'), ...testsIn('cuda/emulator')].filter((file) => !wholeAnswers.includes(file))
  run(path.join(root, tree, 'cuda_tests'), full ? all : deviceSelection)

  const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
  const tap = require.resolve('tap/package.json')
  const border = fs
    .readdirSync(path.join(root, 'test', 'addon'))
    .filter((file) => file.endsWith('.test.ts') && (full || !file.endsWith('.full.test.ts')))
  run(process.execPath, [path.join(path.dirname(tap), require(tap).bin.tap), ...border.map((file) => path.join('test', 'addon', file))], {
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    RAGDRAFT_PREBUILD: out, // node-gyp-build looks here first
  })
}

/** The worker pool, pages that sequences of several threads share, the kernels that work in parallel, and the device's streams. */
const threaded = ['thread_pool_test', 'kv_test', 'shared_pages_test', 'linear_test.cc: a row', 'attention_test.cc: n rows', 'engine_test']
const threadedDevice = ['recordings_test', 'rows_test', 'module_test']

async function threads() {
  const tree = path.join('build', 'thread', 'cmake')
  const defines = ['RAGDRAFT_SANITIZE=thread', 'RAGDRAFT_CUDA=OFF', `RAGDRAFT_OUTPUT_DIR=${path.join(root, 'build', 'thread', 'Release')}`]
  for (const [target, tests] of [
    ['native_tests', threaded],
    ['cuda_tests', threadedDevice],
  ]) {
    await compile({ folder: tree, target, what: `${target} with ThreadSanitizer`, defines })
    // ThreadSanitizer's memory map does not bear with all layouts that the system draws.
    run('setarch', [
      process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch,
      '-R',
      path.join(root, tree, target),
      ...tests,
    ])
  }
}

;(options.includes('--thread') ? threads() : addressAndUndefined()).catch((error) => {
  console.error(`sanitized: ${error.message}`)
  process.exitCode = 1
})
