'use strict'
/** What a build from source needs of the machine beside Node: everything that is missing, at once. */
const { spawnSync } = require('node:child_process')

const leastCMake = [3, 18]

function output(command, args, input) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', input })
  return status === 0 ? stdout : undefined
}

function cmakeProblem() {
  const version = /cmake version (\d+)\.(\d+)/.exec(output('cmake', ['--version']) ?? '')
  if (version === null) return `CMake ${leastCMake.join('.')} or later`
  const [major, minor] = [Number(version[1]), Number(version[2])]
  const old = major < leastCMake[0] || (major === leastCMake[0] && minor < leastCMake[1])
  return old ? `CMake ${leastCMake.join('.')} or later (there is ${major}.${minor})` : undefined
}

/** On Windows cmake-js looks for Visual Studio, and says so itself. */
function compilerProblem() {
  if (process.platform === 'win32') return undefined
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  const source = '#include <span>\nint main() {}\n'
  const [command, ...flags] = candidates.find((name) => output(name.split(' ')[0], ['--version']) !== undefined)?.split(' ') ?? []
  if (command === undefined) return `a C++20 compiler (looked for ${candidates.join(', ')})`
  const works = output(command, [...flags, '-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], source) !== undefined
  return works ? undefined : `a C++20 compiler with its standard library (${command} knows no C++20)`
}

function generatorProblem() {
  if (process.platform === 'win32') return undefined
  return ['ninja', 'make'].some((name) => output(name, ['--version']) !== undefined) ? undefined : 'Ninja or make'
}

const remedies = {
  linux: 'Debian, Ubuntu: apt install cmake g++ make; Fedora, RHEL: dnf install cmake gcc-c++ make; Alpine: apk add cmake g++ make',
  darwin: 'macOS: xcode-select --install, and brew install cmake',
  win32: 'Windows: winget install Kitware.CMake, and Visual Studio 2022 with "Desktop development with C++"',
}

/** @returns {string | undefined} one message that names all that is missing, or nothing. */
function missingRequirements() {
  const missing = [cmakeProblem(), compilerProblem(), generatorProblem()].filter((problem) => problem !== undefined)
  if (missing.length === 0) return undefined
  return `to build ragdraft from its sources this machine lacks: ${missing.join('; ')}.\n${remedies[process.platform] ?? ''}`.trimEnd()
}

module.exports = { missingRequirements }
