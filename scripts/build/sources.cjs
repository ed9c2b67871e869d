'use strict'
/**
 * Which sources a binary was built from. The build leaves their digest beside the binary; in a checkout the loader compares, so that a
 * pull that changes C++ never runs on the binary from before it.
 */
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const roots = ['CMakeLists.txt', 'cmake', 'native']

/** Files that the build reads, relative to the package, in a fixed order. */
function sources(root) {
  const found = []
  const visit = (name) => {
    if (!fs.statSync(path.join(root, name)).isDirectory()) return found.push(name)
    for (const entry of fs.readdirSync(path.join(root, name)).sort()) visit(path.posix.join(name, entry))
  }
  for (const name of roots) visit(name)
  return found
}

function digest(root) {
  const hash = createHash('sha256')
  for (const name of sources(root))
    hash
      .update(`${name}\0`)
      .update(fs.readFileSync(path.join(root, name)))
      .update('\0')
  return hash.digest('hex')
}

const stampOf = (binary) => `${binary}.sources`

/** Says what `binary` was built from. `built` is the digest that was taken before the build began. */
function stamp(binary, built) {
  fs.writeFileSync(stampOf(binary), `${built}\n`)
}

/** Whether the sources are others than those that `binary` was built from. Reads them only if one is younger than the stamp. */
function isStale(root, binary) {
  const file = stampOf(binary)
  if (!fs.existsSync(file)) return true
  const built = fs.statSync(file).mtimeMs
  if (sources(root).every((name) => fs.statSync(path.join(root, name)).mtimeMs < built)) return false
  return fs.readFileSync(file, 'utf8').trim() !== digest(root)
}

module.exports = { digest, isStale, stamp }
