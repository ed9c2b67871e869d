'use strict'
// Builds and runs the C++ tests, or those of the CUDA module on the emulated device: prints their TAP.
//   node scripts/native-tests.cjs [--cuda] [part of a test's "file: title"]
// Or builds the emulated CUDA module, which RAGDRAFT_CUDA_MODULE may name, and prints where it is:
//   node scripts/native-tests.cjs --cuda-module
const { spawnSync } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const build = path.join(root, 'build', 'native-tests')
const cuda = process.argv[2] === '--cuda'
const cudaModule = process.argv[2] === '--cuda-module'
const target = cudaModule ? 'ragdraft_cuda_emulated' : cuda ? 'cuda_tests' : 'native_tests'

function run(command, args, stdio) {
  const result = spawnSync(command, args, { cwd: root, stdio })
  if (result.error) throw result.error
  if (result.status !== 0) process.exit(result.status ?? 1)
}
// The build speaks on stderr: stdout is TAP.
const toStderr = ['ignore', 2, 2]
run('cmake', ['-S', '.', '-B', build, '-DRAGDRAFT_BUILD_TESTS=ON', '-DRAGDRAFT_CUDA=OFF', '-DCMAKE_BUILD_TYPE=Release'], toStderr)
run('cmake', ['--build', build, '--target', target, '--parallel', String(os.availableParallelism())], toStderr)
if (cudaModule) console.log(path.join(build, 'libragdraft_cuda_emulated.so'))
else run(path.join(build, target), process.argv.slice(cuda ? 3 : 2), ['ignore', 'inherit', 'inherit'])
