'use strict'
/**
 * cmake-js and the headers of node-addon-api. A checkout has them as development dependencies; whoever installed the package gets them
 * from the registry when he builds from source, into a folder of the build.
 */
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.resolve(__dirname, '..', '..')
const own = path.join(root, 'build', 'tools')
const names = ['cmake-js', 'node-addon-api']

function find(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`, { paths: [root, own] }))
  } catch {
    return undefined
  }
}

function install() {
  const { devDependencies } = require(path.join(root, 'package.json'))
  const wanted = names.map((name) => `${name}@${devDependencies[name]}`)
  fs.mkdirSync(own, { recursive: true })
  fs.writeFileSync(path.join(own, 'package.json'), '{ "private": true }\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  console.error(`ragdraft: installing what the build needs: ${wanted.join(', ')}`)
  const args = ['install', '--prefix', own, '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', ...wanted]
  const { status, error } = spawnSync(npm, args, { cwd: own, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`npm could not install ${wanted.join(' and ')}${error ? `: ${error.message}` : ''}`)
}

/** @returns {{ cmakeJs: string, napiInclude: string }} cmake-js's program, and the folder of napi.h. */
function buildTools() {
  if (names.some((name) => find(name) === undefined)) install()
  return { cmakeJs: path.join(find('cmake-js'), 'bin', 'cmake-js'), napiInclude: find('node-addon-api') }
}

module.exports = { buildTools }
