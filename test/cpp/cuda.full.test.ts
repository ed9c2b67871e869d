/** The CUDA module's sources on the emulated device (test/cpp/cuda/README.md). No GPU, no nvcc. */
import t from 'tap'

t.test('CUDA kernels on the emulator', async (t) => {
  await t.spawn(process.execPath, ['scripts/native-tests.cjs', '--cuda'], {}, 'cuda_tests')
})
