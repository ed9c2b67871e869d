import { spawn } from 'node:child_process'
import * as path from 'node:path'
import type { Command } from '../command'
import { helpFlag } from '../flags'

/** Outside dist, so that a checkout and an installed package run the same file. */
const program = path.resolve(__dirname, '..', '..', '..', 'scripts', 'build.cjs')

export const build: Command = {
  name: 'build',
  operands: [],
  summary: 'Builds the native part from its sources, for a machine that no prebuilt binary fits.',
  flags: [helpFlag],
  notes: [
    'It needs CMake 3.18 or later and a C++20 compiler, and says which of them is missing. It takes one to two minutes on two cores.',
    'RAGDRAFT_CUDA_BUILD=ON in the environment builds the CUDA module too, for the GPUs of this machine (nvcc of CUDA 12 or later).',
  ],
  run() {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program], { stdio: ['ignore', 2, 2] })
      child.on('error', reject)
      child.on('close', (status) => resolve(status === 0 ? 0 : 1))
    })
  },
}
