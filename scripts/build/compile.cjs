'use strict'
/** Configures with cmake-js, then builds a target with CMake: what changed, and nothing else. */
const { spawn } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const { buildProgress } = require('./progress.cjs')
const { missingRequirements } = require('./requirements.cjs')
const { buildTools } = require('./tools.cjs')

const root = path.resolve(__dirname, '..', '..')

/** Runs a program with its output handed to `line`; resolves to its exit status. */
function run(command, args, line) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (text) => {
        const lines = (rest + text).split(/\r?\n/)
        rest = lines.pop()
        for (const each of lines) line(each)
      })
      stream.on('end', () => rest && line(rest))
    }
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(signal ? 1 : status))
  })
}

/**
 * Throws an Error that names everything missing, or that the build failed (its output has been printed to stderr).
 * @param {{ folder?: string, target?: string, what?: string, configuration?: string, arch?: string, defines?: string[] }} options
 *   folder: of CMake, relative to the package; target: of CMakeLists.txt, default all of the product; what: words for the progress;
 *   defines: `NAME=value` for CMake.
 */
async function compile({ folder = 'build/cmake', target, what = 'the native part', configuration = 'Release', arch, defines = [] } = {}) {
  const missing = missingRequirements()
  if (missing) throw new Error(missing)
  const { cmakeJs, napiInclude } = buildTools()
  const out = path.resolve(root, folder)
  const configure = [
    ...[cmakeJs, 'configure', '--directory', root, '--out', out, '--config', configuration, ...(arch ? ['--arch', arch] : [])],
    ...[`RAGDRAFT_NAPI_INCLUDE=${napiInclude}`, ...defines].map((define) => `--CD${define}`),
  ]
  const spoken = []
  const configured = await run(process.execPath, configure, (text) => spoken.push(text))
  if (configured !== 0) throw new Error(`CMake could not be configured:\n${spoken.join('\n')}`)

  const progress = buildProgress(what)
  const jobs = ['--parallel', String(os.availableParallelism()), '--config', configuration]
  const built = await run('cmake', ['--build', out, ...(target ? ['--target', target] : []), ...jobs], progress.line)
  progress.end()
  if (built !== 0) throw new Error(`the build of ${what} failed; its output is above`)
}

module.exports = { compile, root }
