'use strict'
// Builds the addon with ASan + UBSan beside the normal one and runs the border's tests against it:
// node scripts/sanitized-addon.cjs [test files...]   (default: test/addon)
// Leaks of Node's own make LeakSanitizer useless here; the native tests run with it.
const { execFileSync, spawnSync } = require('node:child_process')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const out = path.join(root, 'build', 'sanitized-addon')
const files = process.argv.length > 2 ? process.argv.slice(2) : ['test/addon/*.test.ts']

function run(args, env = {}) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (result.status !== 0) process.exit(result.status ?? 1)
}
const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()

run([
  require.resolve('cmake-js/bin/cmake-js'),
  'compile',
  '-O',
  path.join(out, 'cmake'),
  '-B',
  'RelWithDebInfo',
  '--CDRAGDRAFT_SANITIZE=address,undefined',
  `--CDRAGDRAFT_OUTPUT_DIR=${path.join(out, 'build', 'Release')}`,
  '--CDRAGDRAFT_CUDA=OFF',
])
const tap = require.resolve('tap/package.json')
run([path.join(path.dirname(tap), require(tap).bin.tap), ...files], {
  LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  RAGDRAFT_PREBUILD: out, // node-gyp-build looks here first
})
