/** Where a model computes: what was asked for, what there is, and what is told about it. */
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { Device } from '../../../lib/options/load'
import { FakeBinding, nativeError } from '../../helpers/fake-binding'

delete process.env.RAGDRAFT_CUDA // scripts/test.cjs sets it

const gpu = (index: number, freeBytes: number, problem = '') => ({
  index,
  name: `GPU ${index}`,
  capability: '9.0',
  totalBytes: 1000,
  freeBytes,
  problem,
})
const withGpus = (...devices: ReturnType<typeof gpu>[]) => Object.assign(new FakeBinding(), { gpus: { devices, reason: '' } })
const load = (binding: FakeBinding, device?: Device) => loadModelWith(binding, 'fake.gguf', { device })

t.test('without a GPU, cuda is refused with the reason, and auto says why it is the CPU', async (t) => {
  const binding = new FakeBinding()
  for (const device of ['cuda', 'cuda:0'] as const)
    await t.rejects(load(binding, device), {
      code: 'ERR_DEVICE_UNAVAILABLE',
      message: `device "${device}" is not available: no NVIDIA driver here`,
      details: { reason: 'no NVIDIA driver here' },
    })
  t.same(binding.loads, [], 'nothing was loaded')
  await using auto = await loadModelWith(binding, 'fake.gguf', { threads: 3, isa: 'fake' })
  t.match(auto.info, { device: 'cpu', deviceReason: 'cuda: no NVIDIA driver here', backend: 'cpu/fake', contextLength: 65_536 })
  t.equal(auto.info.deviceName, undefined)
  t.same(binding.loads, [{ path: 'fake.gguf', threads: 3, isa: 'fake', draftCopy: false, weightsCache: '', gpu: undefined }])
  await using cpu = await load(binding, 'cpu')
  t.equal(cpu.info.deviceReason, undefined)
})

t.test('auto and cuda take the GPU with the most free memory that works; cuda:N takes that one', async (t) => {
  const binding = withGpus(gpu(0, 500), gpu(1, 900, 'it is on fire'), gpu(2, 700))
  for (const device of ['auto', 'cuda', 'cuda:2', undefined] as const) {
    await using model = await load(binding, device)
    t.match(model.info, { device: 'cuda:2', deviceName: 'GPU 2', deviceMemoryBytes: 1000, backend: 'cuda/sm_90' })
    t.equal(model.info.deviceReason, undefined)
  }
  await using first = await load(binding, 'cuda:0')
  t.equal(first.info.device, 'cuda:0')
  await using cpu = await load(binding, 'cpu')
  t.match(cpu.info, { device: 'cpu', backend: 'cpu/fake' })
  await t.rejects(load(binding, 'cuda:1'), { code: 'ERR_DEVICE_UNAVAILABLE', message: /cuda:1 \(GPU 1\): it is on fire/ })
  await t.rejects(load(binding, 'cuda:3'), {
    code: 'ERR_DEVICE_UNAVAILABLE',
    message: /there is no GPU 3; there are cuda:0 \(GPU 0\), cuda:1 \(GPU 1\), cuda:2 \(GPU 2\)/,
  })
})

t.test('GPUs that all have a problem are none, and each problem is told', async (t) => {
  const binding = withGpus(gpu(0, 1, 'no kernel for it'), gpu(1, 1, 'it hangs'))
  await using model = await load(binding)
  t.match(model.info, { device: 'cpu', deviceReason: 'cuda: cuda:0 (GPU 0): no kernel for it; cuda:1 (GPU 1): it hangs' })
})

t.test('a GPU that does not take the model: auto goes on with the CPU and says why, cuda fails with the error', async (t) => {
  const binding = withGpus(gpu(0, 500))
  for (const code of ['ERR_OUT_OF_MEMORY', 'ERR_UNSUPPORTED_MODEL', 'ERR_DEVICE_FAILED', 'ERR_DEVICE_UNAVAILABLE']) {
    binding.gpuRefusal = nativeError(code, 'the model needs more')
    await using model = await load(binding)
    t.match(model.info, { device: 'cpu', deviceReason: 'cuda:0: the model needs more' })
    await t.rejects(load(binding, 'cuda'), { code, message: 'the model needs more' })
  }
  binding.gpuRefusal = nativeError('ERR_FILE_READ')
  await t.rejects(load(binding), { code: 'ERR_FILE_READ' }, 'the CPU would not do better')
})

t.test('RAGDRAFT_CUDA=0 does without GPUs, and an abort does without an answer', async (t) => {
  const binding = withGpus(gpu(0, 500))
  process.env.RAGDRAFT_CUDA = '0'
  await using model = await load(binding)
  delete process.env.RAGDRAFT_CUDA
  t.match(model.info, { device: 'cpu', deviceReason: 'cuda: disabled by RAGDRAFT_CUDA=0' })
  const reason = new Error('enough')
  await t.rejects(loadModelWith(binding, 'fake.gguf', { signal: AbortSignal.abort(reason) }), reason)
})

t.test('devices that are none are refused by name', async (t) => {
  for (const device of ['gpu', 'cuda:', 'cuda:-1', 'cuda:1.5', 'CPU', 0])
    await t.rejects(load(new FakeBinding(), device as Device), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /device must be "auto", "cpu", "cuda" or "cuda:N"/,
    })
})
