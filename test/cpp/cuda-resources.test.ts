/** scripts/cuda-resources.cjs reads what nvcc says of kernels; test/cpp/cuda-module.full.test.ts runs it. */
import t from 'tap'

const { parse, shortName, differences } = require('../../scripts/cuda-resources.cjs')

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
