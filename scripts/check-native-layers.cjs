'use strict'
/**
 * The folders of native/ are layers: each may include only what its line of the table names, and the table only points upwards, so
 * nothing goes in circles. Fails on an include that the table does not allow, on a line of the table that nothing needs, on circles
 * between files, on an include that is not there, and on <napi.h> outside native/addon.
 *   node scripts/check-native-layers.cjs [--table] [NATIVE_FOLDER]
 */
const fs = require('node:fs')
const path = require('node:path')

/** Layer: the layers that it includes. A folder belongs to the longest name that it begins with. */
const layers = {
  base: [],
  formats: ['base'],
  io: ['base', 'formats'],
  sampling: ['base'],
  kv: ['base'],
  ops: ['base', 'formats', 'sampling', 'kv'],
  'ops/ref': ['base', 'ops'],
  'ops/cpu': ['base', 'kv', 'ops'],
  'ops/cuda': ['base', 'formats', 'sampling', 'kv', 'ops'],
  model: ['base', 'io', 'kv', 'ops'],
  'decoding/policy': ['base'],
  decoding: ['base', 'sampling', 'decoding/policy'],
  runtime: ['base', 'io', 'kv', 'ops', 'model', 'decoding/policy', 'decoding'],
  addon: ['base', 'formats', 'io', 'ops', 'ops/cuda', 'runtime'],
  probe: ['base', 'ops', 'ops/cuda'],
}
/** Made by the build, or the emulator's, which lies beside its tests. */
const elsewhere = ['ragdraft_isa_config.h', 'emulator.h']

const names = Object.keys(layers)
const layerOf = (file) => names.filter((name) => file.startsWith(`${name}/`)).sort((a, b) => b.length - a.length)[0]

/** Includes of every file, as paths within `root`. */
function readIncludes(root, problems) {
  const files = fs
    .readdirSync(root, { recursive: true })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => /\.(h|cc|cuh?)$/.test(name))
    .sort()
  const known = new Set(files)
  const includes = new Map()
  for (const file of files) {
    const text = fs.readFileSync(path.join(root, file), 'utf8')
    if (/^\s*#\s*include\s*<napi\.h>/m.test(text) && layerOf(file) !== 'addon') problems.push(`${file} includes <napi.h>: only addon may`)
    const found = [...text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)].map(([, name]) => name).filter((name) => !elsewhere.includes(name))
    for (const name of found) if (!known.has(name)) problems.push(`${file} includes "${name}", which is not in native/`)
    includes.set(
      file,
      found.filter((name) => known.has(name)),
    )
  }
  return includes
}

function checkLayers(includes, problems) {
  names.forEach((name, place) => {
    for (const used of layers[name])
      if (names.indexOf(used) >= place) problems.push(`the table lets ${name} include ${used}, which comes after it`)
  })
  const needed = new Set()
  for (const [file, found] of includes) {
    const own = layerOf(file)
    if (!own) problems.push(`${file} lies in no layer of the table`)
    for (const name of found) {
      const other = layerOf(name)
      needed.add(`${own} ${other}`)
      if (own && other && own !== other && !layers[own].includes(other))
        problems.push(`${file} includes ${name}: ${own} may not include ${other}`)
    }
  }
  for (const name of names)
    for (const used of layers[name])
      if (!needed.has(`${name} ${used}`)) problems.push(`the table lets ${name} include ${used}, which it does not`)
}

function checkCircles(includes, problems) {
  const done = new Set()
  const visit = (file, way) => {
    if (way.includes(file)) return problems.push(`a circle: ${[...way.slice(way.indexOf(file)), file].join(' > ')}`)
    if (done.has(file)) return
    for (const name of includes.get(file)) visit(name, [...way, file])
    done.add(file)
  }
  for (const file of includes.keys()) visit(file, [])
}

const [root = path.join(__dirname, '..', 'native')] = process.argv.slice(2).filter((word) => word !== '--table')
const problems = []
const includes = readIncludes(root, problems)
checkLayers(includes, problems)
checkCircles(includes, problems)
if (process.argv.includes('--table')) for (const name of names) console.log(`${name.padEnd(16)} ${layers[name].join(', ') || '-'}`)
for (const problem of problems) console.error(`check-native-layers: ${problem}`)
if (problems.length > 0) process.exitCode = 1
else console.log(`check-native-layers: ${includes.size} files, ${names.length} layers, all one way`)
