'use strict'
// Builds and runs the C++ tests: node scripts/native-tests.cjs [part of a test's "file: title"]. Prints their TAP.
const { spawnSync } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const build = path.join(root, 'build', 'native-tests')

function run(command, args, stdio) {
  const result = spawnSync(command, args, { cwd: root, stdio })
  if (result.error) throw result.error
  if (result.status !== 0) process.exit(result.status ?? 1)
}
// The build speaks on stderr: stdout is TAP.
const toStderr = ['ignore', 2, 2]
run('cmake', ['-S', '.', '-B', build, '-DRAGDRAFT_BUILD_TESTS=ON', '-DRAGDRAFT_CUDA=OFF', '-DCMAKE_BUILD_TYPE=Release'], toStderr)
run('cmake', ['--build', build, '--target', 'native_tests', '--parallel', String(os.availableParallelism())], toStderr)
run(path.join(build, 'native_tests'), process.argv.slice(2), ['ignore', 'inherit', 'inherit'])
