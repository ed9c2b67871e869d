'use strict'
// What kernels take of a multiprocessor - registers, spills, shared memory - against test/cpp/cuda/resources.tsv: a change that makes a
// kernel spill, or fit fewer blocks, shows before a GPU sees it. Needs nvcc and c++filt.
//   node scripts/cuda-resources.cjs            checks the kernels of all CUDA sources
//   node scripts/cuda-resources.cjs --write    writes the table
const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const table = path.join(root, 'test', 'cpp', 'cuda', 'resources.tsv')
const architectures = ['sm_80', 'sm_90a'] // the baseline, and the card of the figures
const columns = ['registers', 'stack', 'spills', 'shared'] // bytes but for the first

const release = () => /release ([\d.]+)/.exec(execFileSync('nvcc', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'

const sources = () =>
  fs
    .readdirSync(path.join(root, 'native/ops/cuda'), { recursive: true })
    .filter((file) => file.endsWith('.cu'))
    .map((file) => path.join('native/ops/cuda', file))

/** What ptxas says of a source's kernels. */
function report(source) {
  const targets = architectures.flatMap((arch) => ['-gencode', `arch=${arch.replace('sm', 'compute')},code=${arch}`])
  const flags = ['-std=c++17', '--fmad=false', '-Xptxas', '-v', '-I', 'native', '-fatbin', source, '-o', os.devNull]
  return new Promise((resolve, reject) =>
    execFile('nvcc', [...targets, ...flags], { cwd: root, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${source}: ${error.message}`))
      else resolve(stdout + stderr)
    }),
  )
}

/** Kernels of ptxas's report: { symbol, arch, registers, ... }. */
function parse(text) {
  const kernels = []
  for (const line of text.split('\n')) {
    const entry = /Compiling entry function '(\S+)' for '(\S+)'/.exec(line)
    if (entry) kernels.push({ symbol: entry[1], arch: entry[2] })
    const kernel = kernels.at(-1)
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line)
    // Only of the entry: a function that was not inlined has a frame of its own, which ptxas names after another symbol.
    if (frame && kernel && kernel.stack === undefined)
      Object.assign(kernel, { stack: Number(frame[1]), spills: Number(frame[2]) + Number(frame[3]) })
    const used = /Used (\d+) registers/.exec(line)
    if (used && kernel) Object.assign(kernel, { registers: Number(used[1]), shared: Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0) })
  }
  return kernels
}

/** "linear_kernel<Q8_0Format, 1, 3>" of a symbol's full signature. */
function shortName(signature) {
  const name = signature
    .replace(/^void /, '')
    .replaceAll('ragdraft::ops::cuda::', '')
    .replaceAll('ragdraft::', '')
  let depth = 0
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '<') depth++
    if (name[i] === '>') depth--
    if (name[i] === '(' && depth === 0) return name.slice(0, i)
  }
  return name
}

async function measured() {
  const queue = sources()
  const kernels = []
  const work = async () => {
    for (let source = queue.shift(); source; source = queue.shift()) kernels.push(...parse(await report(source)))
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, work))
  const names = execFileSync('c++filt', { input: kernels.map((k) => k.symbol).join('\n'), encoding: 'utf8' }).split('\n')
  const rows = new Map(kernels.map((kernel, i) => [`${shortName(names[i])}\t${kernel.arch}`, columns.map((c) => kernel[c])]))
  return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function write(rows) {
  const lines = [...rows].map(([key, values]) => [key, ...values].join('\t'))
  const head = [`# nvcc ${release()}; written by scripts/cuda-resources.cjs --write`, ['kernel', 'arch', ...columns].join('\t')]
  fs.writeFileSync(table, `${[...head, ...lines].join('\n')}\n`)
}

/** What is worse than the table, or not in it. @param compiler the release that the rows are of */
function differences(rows, text, compiler) {
  const [head, , ...lines] = text.trimEnd().split('\n')
  const known = new Map(lines.map((line) => [line.split('\t').slice(0, 2).join('\t'), line.split('\t').slice(2).map(Number)]))
  const sameCompiler = head.startsWith(`# nvcc ${compiler};`)
  const found = []
  for (const [key, values] of rows) {
    const [kernel, arch] = key.split('\t')
    const limits = known.get(key)
    if (!limits) found.push(`${kernel} for ${arch} is not in the table`)
    else
      columns.forEach((column, i) => {
        if (column === 'registers' && !sameCompiler) return // another compiler allocates otherwise
        if (values[i] > limits[i]) found.push(`${kernel} for ${arch}: ${column} ${values[i]}, in the table ${limits[i]}`)
      })
  }
  for (const key of known.keys()) if (!rows.has(key)) found.push(`${key.replace('\t', ' for ')} is in the table only`)
  return found
}

async function main() {
  const rows = await measured()
  if (process.argv[2] === '--write') return write(rows)
  const found = differences(rows, fs.readFileSync(table, 'utf8'), release())
  for (const line of found) console.error(line)
  if (found.length > 0) console.error(`meant so? node scripts/cuda-resources.cjs --write`)
  else console.log(`${rows.size} kernels take what ${path.relative(root, table)} says, or less`)
  process.exitCode = found.length > 0 ? 1 : 0
}

module.exports = { parse, shortName, differences }
if (require.main === module)
  main().catch((error) => {
    console.error(error.message)
    process.exitCode = 2
  })
