/** The CUDA module as nvcc makes it: what its kernels take of a GPU, what it exports, for which GPUs. Without nvcc nothing is there to test. */
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import type { CudaReport } from '../lib/native/binding'

const { parse, shortName, differences } = require('../scripts/cuda-resources.cjs')
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

t.test('a kernel that takes more than the table says is named, so is one that is new or gone', (t) => {
  const [kernel, other] = parse(`ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1fILi2EEvi' for 'sm_90a'
ptxas info    : Function properties for _Z1fILi2EEvi
    40 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 78 registers, used 1 barriers, 8192 bytes smem, 636 bytes cmem[0]
ptxas info    : Compiling entry function '_Z1gv' for 'sm_80'
ptxas info    : Function properties for _Z1gv
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 0 barriers, 416 bytes cmem[0]`)
  t.strictSame(kernel, { symbol: '_Z1fILi2EEvi', arch: 'sm_90a', stack: 40, spills: 20, registers: 78, shared: 8192 })
  t.strictSame(other, { symbol: '_Z1gv', arch: 'sm_80', stack: 0, spills: 0, registers: 12, shared: 0 })
  t.equal(shortName('void ragdraft::ops::cuda::f<ragdraft::ops::cuda::A<(B)1>, 2>(int, float const*)'), 'f<A<(B)1>, 2>')

  const table = '# nvcc 13.0; written by ...\nkernel\tarch\t...\nf\tsm_80\t70\t0\t0\t1024\ngone\tsm_80\t9\t0\t0\t0\n'
  const rows = (values: number[], more: [string, number[]][] = []) =>
    new Map([['f\tsm_80', values], ['gone\tsm_80', [9, 0, 0, 0]], ...more])
  t.strictSame(differences(rows([70, 0, 0, 1024]), table, '13.0'), [])
  t.strictSame(differences(rows([64, 0, 0, 512]), table, '13.0'), [], 'less is fine')
  t.match(differences(rows([71, 0, 4, 2048]), table, '13.0'), [/registers 71/, /spills 4/, /shared 2048/])
  t.match(differences(rows([71, 0, 4, 1024]), table, '14.2'), [/spills 4/], 'registers are those of one compiler')
  t.match(
    differences(
      new Map([
        ['f\tsm_80', [70, 0, 0, 0]],
        ['new\tsm_80', [1, 0, 0, 0]],
      ]),
      table,
      '13.0',
    ),
    [/^new .*not in/, /^gone .*only/],
  )
  t.end()
})

t.test(
  'the module exports one symbol, and has code for every architecture',
  { skip: !fs.existsSync(module_) && 'it was not built' },
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
    t.ok(report.devices.length > 0 || report.reason.length > 0)
    t.end()
  },
)
