'use strict'
// Builds the addon from its sources into build/Release: always, and only what changed.
//   node scripts/build.cjs [--configuration=Release|Debug] [--arch=ARCH]
// Run by `prepare` in a checkout, by `ragdraft build` in an installed package, and by binding.gyp for node-gyp.
// Environment: RAGDRAFT_CUDA_BUILD=ON|OFF|AUTO, RAGDRAFT_RELEASE=ON (for every machine of the platform), RAGDRAFT_ISAS=AUTO|ALL|LIST.
const path = require('node:path')
const { compile, root } = require('./build/compile.cjs')
const { digest, stamp } = require('./build/sources.cjs')

const usage = 'usage: node scripts/build.cjs [--configuration=Release|Debug] [--arch=ARCH]'

async function build(args) {
  const options = { configuration: 'Release', arch: undefined }
  for (const arg of args) {
    const [, name, value] = /^--(configuration|arch)=(\w+)$/.exec(arg) ?? []
    if (name === undefined) throw new Error(`unknown argument ${arg}; ${usage}`)
    options[name] = value
  }
  const { configuration } = options
  const sources = digest(root) // before: what changes during the build is not in it
  await compile(options)
  stamp(path.join(root, 'build', configuration, 'ragdraft.node'), sources)
}

build(process.argv.slice(2)).catch((error) => {
  console.error(`ragdraft: ${error.message}`)
  process.exitCode = 1
})
