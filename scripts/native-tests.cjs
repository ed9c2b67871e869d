'use strict'
// Builds and runs the C++ tests, or those of the CUDA module on the emulated device: prints their TAP.
//   node scripts/native-tests.cjs [--cuda] [part of a test's "file: title" ...]
// Or builds the emulated CUDA module, which RAGDRAFT_CUDA_MODULE may name, and prints where it is:
//   node scripts/native-tests.cjs --cuda-module
// They link the addon's own objects, in its build folder.
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { compile, root } = require('./build/compile.cjs')

const targets = { '--cuda': 'cuda_tests', '--cuda-module': 'ragdraft_cuda_emulated' }
const kinds = { native_tests: 'the C++ tests', cuda_tests: 'the tests of the emulated GPU', ragdraft_cuda_emulated: 'the emulated GPU' }
const [first, ...rest] = process.argv.slice(2)
const target = targets[first] ?? 'native_tests'
const titles = target === 'native_tests' ? process.argv.slice(2) : rest
const programs = path.join(root, 'build', 'cmake')

// The build speaks on stderr: stdout is TAP.
compile({ target, what: kinds[target] }).then(
  () => {
    if (target === 'ragdraft_cuda_emulated') return console.log(path.join(programs, 'libragdraft_cuda_emulated.so'))
    const { status, error } = spawnSync(path.join(programs, target), titles, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    if (error) throw error
    process.exitCode = status ?? 1
  },
  (error) => {
    console.error(error.message)
    process.exitCode = 1
  },
)
