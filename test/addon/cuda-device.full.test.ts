/** Models on the emulated GPU (test/cpp/cuda/README.md), from JavaScript: what is computed there, and what comes of a GPU that is no good. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as path from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { listGpus, loadModel } from '../../lib/index'
import { type CudaFiles, cudaFiles } from '../../lib/runtime/gpu/cuda-files'

delete process.env.RAGDRAFT_CUDA // scripts/test.cjs sets it
const { RAGDRAFT_CUDA_MODULE, RAGDRAFT_CUDA_FORCE_LOAD, ...plainEnvironment } = process.env
const file = path.resolve('test', 'fixtures', 'stories260K.gguf')
const story = 'Lily had a red ball. One day the ball was gone.'
const question = 'What was gone?'

/** The emulated module, built on first use; that of scripts/sanitized.cjs beside its addon. The addon looks for it when it is loaded. */
function emulatedModule(): string {
  const { RAGDRAFT_PREBUILD } = process.env
  if (RAGDRAFT_PREBUILD) return path.join(RAGDRAFT_PREBUILD, 'cmake', 'libragdraft_cuda_emulated.so')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/native-tests.cjs', '--cuda-module'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim().split('\n').at(-1)!
}
const emulated = { RAGDRAFT_CUDA_MODULE: emulatedModule(), RAGDRAFT_CUDA_FORCE_LOAD: '1' }
Object.assign(process.env, emulated)

/** What a process of its own, which has another environment, prints. `program` has loadModel and the model's file. */
function elsewhere(environment: Record<string, string>, program: string): string {
  const library = JSON.stringify(path.resolve('lib', 'index.ts'))
  const code = `const { loadModel } = require(${library}); const file = ${JSON.stringify(file)}; (async () => { ${program} })()`
  const result = spawnSync(process.execPath, ['--import', 'tsx', '-e', code], {
    encoding: 'utf8',
    env: { ...plainEnvironment, ...environment },
    timeout: 60_000,
  })
  return result.stdout.trim() || result.stderr
}

/** Where it loads the model, and why there; or the error. */
const loadedElsewhere = (environment: Record<string, string>, device: string) =>
  elsewhere(
    environment,
    `await loadModel(file, { device: ${JSON.stringify(device)} }).then(
      ({ info }) => console.log(info.device, '|', info.deviceReason), (error) => console.log(error.code, '|', error.message))`,
  )

t.test('a model computes on the GPU, and answers like itself whatever is drafted', async (t) => {
  await using model = await loadModel(file, { device: 'cuda', weightsCache: path.join(t.testdir(), 'weights') })
  t.match(model.info, {
    device: 'cuda:0',
    deviceName: 'emulated device 0',
    deviceMemoryBytes: 2 ** 32,
    backend: 'cuda/sm_80',
    kv: 'bf16',
    threads: 1,
    weightsCache: { state: 'unavailable' },
  })
  t.equal(model.info.deviceReason, undefined)
  const doc = await model.open(story, { contextTokens: 256 })
  const ask = async (mode: 'plain' | 'lossless' | 'exact', draftLength: number) =>
    (await doc.ask(question, { mode, draftLength, maxTokens: 4 })).text
  const plain = await ask('plain', 0)
  t.ok(plain.length > 3, plain)
  t.equal(await ask('lossless', 3), plain)
  t.equal(await ask('exact', 3), await ask('exact', 0))

  const speculation = async (options: object) => {
    const { stats } = await doc.ask(question, { mode: 'lossless', draftLength: 3, maxTokens: 4, ngram: false, ...options })
    return { rounds: stats.rounds, onDevice: stats.speculation.roundsOnDevice }
  }
  const free = await speculation({})
  t.ok(free.rounds > 0)
  t.equal(free.onDevice, free.rounds, 'the host waits once a round')
  const watched = await speculation({ temperature: 0.8, topK: 5 })
  t.ok(watched.rounds > 0)
  t.equal(watched.onDevice, 0, "top-k is the host's")

  const controller = new AbortController()
  const answer = doc.ask(question, { mode: 'lossless', signal: controller.signal })
  const reason = new Error('enough')
  await t.rejects(async () => {
    for await (const _ of answer) controller.abort(reason)
  }, reason)
  t.equal(await ask('plain', 0), plain, 'the aborted answer left nothing behind')
  await t.rejects(model.open(story, { kv: 'f32' }), { code: 'ERR_INVALID_ARGUMENT', message: /kv: 'f32' is not computed on the GPU/ })
})

t.test('auto takes it, and other devices are refused', async (t) => {
  t.match(await listGpus(), {
    gpus: [{ device: 'cuda:0', name: 'emulated device 0', capability: '8.0', problem: undefined }],
    reason: undefined,
  })
  await using model = await loadModel(file)
  t.equal(model.info.device, 'cuda:0')
  await t.rejects(loadModel(file, { device: 'cuda:1' }), {
    code: 'ERR_DEVICE_UNAVAILABLE',
    message: /there is no GPU 1; there are cuda:0 \(emulated/,
  })
  await using cpu = await loadModel(file, { device: 'cpu' })
  t.match(cpu.info, { device: 'cpu', deviceName: undefined, deviceReason: undefined })
})

t.test('a Worker that is terminated in the middle of an answer leaves the process and the GPU in order', async (t) => {
  const code = `
    require('tsx/cjs')
    const { parentPort } = require('node:worker_threads')
    const run = async () => {
      const model = await require(${JSON.stringify(path.resolve('lib', 'index.ts'))}).loadModel(${JSON.stringify(file)}, { device: 'cuda' })
      const doc = await model.open(${JSON.stringify(story)}, { contextTokens: 256 })
      for await (const text of doc.ask(${JSON.stringify(question)}, { mode: 'plain', maxTokens: 200 })) parentPort.postMessage(text)
    }
    run().catch((error) => parentPort.postMessage({ error: String(error) }))`
  const worker = new Worker(code, { eval: true })
  const first = await new Promise((resolve) => worker.once('message', resolve))
  t.type(first, 'string')
  await worker.terminate()
  await using model = await loadModel(file, { device: 'cuda' })
  t.equal(model.info.device, 'cuda:0')
})

t.test('no module, RAGDRAFT_CUDA=0, a driver without devices or one that crashes: cuda is refused with the reason', (t) => {
  const library = /\/\S*libm\.so\S*/.exec(readFileSync('/proc/self/maps', 'utf8'))![0] // some other one
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      'no module',
      { RAGDRAFT_CUDA_MODULE: '/absent/module.so', RAGDRAFT_CUDA_FORCE_LOAD: '1' },
      /there is no CUDA module: RAGDRAFT_CUDA_MODULE names \/absent\/module\.so/,
    ],
    ['a library that is no module', { RAGDRAFT_CUDA_MODULE: library, RAGDRAFT_CUDA_FORCE_LOAD: '1' }, /lacks its entry point/],
    ['a file that is no library', { RAGDRAFT_CUDA_MODULE: file, RAGDRAFT_CUDA_FORCE_LOAD: '1' }, /stories260K/],
    ['no device', { ...emulated, RAGDRAFT_EMULATED_DRIVER: 'empty' }, /no CUDA device/],
    ['a crash', { ...emulated, RAGDRAFT_EMULATED_DRIVER: 'crash' }, /the GPU driver crashed the process that tried it \(SIGABRT\)/],
    ['RAGDRAFT_CUDA=0', { RAGDRAFT_CUDA_MODULE: library, RAGDRAFT_CUDA: '0' }, /disabled by RAGDRAFT_CUDA=0/],
  ]
  for (const [what, environment, reason] of cases) {
    t.match(
      loadedElsewhere(environment, 'cuda'),
      new RegExp(`^ERR_DEVICE_UNAVAILABLE \\| device "cuda" is not available: .*${reason.source}`),
      what,
    )
    t.match(loadedElsewhere(environment, 'auto'), new RegExp(`^cpu \\| cuda: .*${reason.source}`), what)
  }
  t.end()
})

t.test('a probe of a driver that hangs ends itself', (t) => {
  const { probe, module } = cudaFiles() as CudaFiles
  const { status, signal } = spawnSync(probe, [module, '1'], {
    env: { ...plainEnvironment, ...emulated, RAGDRAFT_EMULATED_DRIVER: 'hang' },
    timeout: 60_000,
  })
  t.match({ status, signal }, { status: 1, signal: null })
  t.end()
})

t.test('a kernel that fails ends its request and all later ones with ERR_DEVICE_FAILED; the process goes on, on the CPU', (t) => {
  const out = elsewhere(
    { ...emulated, RAGDRAFT_EMULATED_DRIVER: 'fault' },
    `const model = await loadModel(file, { device: 'cuda' })
     const doc = await model.open(${JSON.stringify(story)}, { contextTokens: 256 })
     for (let i = 0; i < 2; i++) await doc.ask('What?', { mode: 'plain' }).then(console.log, (error) => console.log(error.code))
     await model.open(${JSON.stringify(story)}).then(console.log, (error) => console.log(error.code))
     await model.close()
     const other = await loadModel(file)
     console.log(other.info.device, other.info.deviceReason)
     await other.close()`,
  )
  t.match(
    out.split('\n'),
    ['ERR_DEVICE_FAILED', 'ERR_DEVICE_FAILED', 'ERR_DEVICE_FAILED', /^cpu cuda:0: GPU: running on the device: a kernel failed/],
    out,
  )
  t.end()
})

t.test("the GPUs are tried by a program that is no Node: this one's own is not started again", (t) => {
  const out = elsewhere(emulated, 'process.execPath = "/absent"; const { info } = await loadModel(file); console.log(info.device)')
  t.equal(out, 'cuda:0')
  t.end()
})
