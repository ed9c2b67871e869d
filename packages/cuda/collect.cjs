'use strict'
// Before the package is packed: the module and the probe of build/Release, and ragdraft's licence. They are for one version of ragdraft.
const fs = require('node:fs')
const path = require('node:path')
const root = path.resolve(__dirname, '..', '..')
const version = require(path.join(root, 'package.json')).version
const own = require('./package.json').version
if (own !== version) throw new Error(`packages/cuda/package.json says ${own}, ragdraft is ${version}`)
for (const file of ['build/Release/libragdraft_cuda.so', 'build/Release/ragdraft-cuda-probe', 'LICENSE']) {
  const from = path.join(root, file)
  if (!fs.existsSync(from)) throw new Error(`${file} is missing: RAGDRAFT_CUDA_BUILD=ON RAGDRAFT_RELEASE=ON npm run build:native`)
  fs.copyFileSync(from, path.join(__dirname, path.basename(file)))
}
