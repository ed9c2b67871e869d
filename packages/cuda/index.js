'use strict'
const path = require('node:path')

exports.version = require('./package.json').version
exports.module = path.join(__dirname, 'libragdraft_cuda.so')
exports.probe = path.join(__dirname, 'ragdraft-cuda-probe')
