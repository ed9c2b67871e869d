/** The CUDA module as nvcc makes it: what its kernels take of a GPU, what it exports, for which GPUs. Without nvcc nothing is there to test. */
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import type { CudaReport } from '../../lib/runtime/binding'

const module_ = path.resolve('build', 'Release', 'libragdraft_cuda.so')

function has(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

t.test('kernels take the registers and the shared memory of the table, and spill nothing', { skip: !has('nvcc') && 'no nvcc' }, (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/cuda-resources.cjs'], { encoding: 'utf8' })
  t.equal(status, 0, stdout + stderr)
  t.end()
})

t.test(
  'the module exports one symbol, and has code for every architecture',
  { skip: !fs.existsSync(module_) && 'build/Release has no CUDA module: RAGDRAFT_CUDA_BUILD=ON npm run build' },
  (t) => {
    const symbols = execFileSync('nm', ['-D', '--defined-only', module_], { encoding: 'utf8' }).trim().split('\n')
    t.match(symbols, [/ T ragdraft_cuda_get_api$/])
    t.equal(symbols.length, 1)
    const archs = ['80-real', '89-real', '90a-real', '100-real', '120-real', '80-virtual'].join(',')
    t.ok(fs.readFileSync(module_).includes(archs), 'it was compiled for all of them')
    // There may be no driver here; the module loads all the same, and the probe says why there is no GPU.
    const env = { ...process.env, RAGDRAFT_CUDA_FORCE_LOAD: '1' }
    const probe = path.resolve('build', 'Release', 'ragdraft-cuda-probe')
    const report = JSON.parse(execFileSync(probe, [module_, '30'], { env, encoding: 'utf8' })) as CudaReport
    t.notMatch(report.reason, /undefined symbol|cannot open|ABI/, 'it can be loaded')
    t.equal(report.devices.length > 0, report.reason === '', 'GPUs, or why there are none')
    t.end()
  },
)
