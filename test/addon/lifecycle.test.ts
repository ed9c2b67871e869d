/** Aborts, Workers and process exit: threads of ours end with what they serve. */
import { spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { NativeModel } from '../../lib/runtime/binding'
import { randomModel, tiny } from '../helpers/models'
import { binding, generate, greedyDefaults, loadModel, prefill, randomTokens } from '../helpers/native'

const file = () => randomModel('lifecycle', { ...tiny, dtypes: { default: 'Q8_0' } })
const nothing = () => {}
const tokens = randomTokens(6000, tiny.vocab)

t.test('cancel during load, prefill and generate: onDone comes once, with ERR_ABORTED', async (t) => {
  const path = await file()
  const ended = (start: (done: (error: unknown) => void) => () => void, after = 0) =>
    new Promise((resolve) => {
      let calls = 0
      const cancel = start((error) => {
        calls++
        setTimeout(() => resolve({ code: (error as { code?: string } | null)?.code, calls }), 20)
      })
      setTimeout(cancel, after)
      cancel()
    })
  t.match(await ended((done) => binding.loadModel(path, { threads: 1, isa: '', draftCopy: false }, nothing, done)), {
    code: 'ERR_ABORTED',
    calls: 1,
  })
  t.match(await ended((done) => binding.readGguf(path, done)), { calls: 1 })
  const model = await loadModel(path)
  const sequence = model.createSequence({ contextTokens: 8000, kv: 'f16' })
  t.match(await ended((done) => binding.prefill(sequence, Int32Array.from(tokens), nothing, done)), { code: 'ERR_ABORTED', calls: 1 })
  t.ok(sequence.length < tokens.length)
  await prefill(sequence, tokens.slice(0, 100))
  const length = sequence.length
  const request = { ...greedyDefaults, target: sequence, targetPending: Int32Array.of(1), maxTokens: 5000 }
  const got: number[] = []
  t.match(await ended((done) => binding.generate(request, (more) => got.push(...more), done)), { code: 'ERR_ABORTED', calls: 1 })
  t.equal(sequence.length, length + got.length, 'a pass for each token that came before the abort was heard, nothing else')
  const run = await generate({ target: sequence, targetPending: Int32Array.of(1), maxTokens: 4 })
  t.equal(run.tokens.length, 4, 'the sequence can be used again')
  model.close()
})

t.test('cancel in the middle of an answer keeps what was committed', async (t) => {
  const model = await loadModel(await file())
  const target = model.createSequence({ contextTokens: 8000, kv: 'f16' })
  const drafter = model.createSequence({ contextTokens: 8000, kv: 'f16' })
  await prefill(target, tokens.slice(0, 199))
  await prefill(drafter, tokens.slice(100, 199))
  const got: number[] = []
  await new Promise<void>((resolve) => {
    const cancel = binding.generate(
      {
        ...greedyDefaults,
        mode: 'lossless',
        target,
        draftModel: drafter,
        targetPending: Int32Array.of(tokens[199]!),
        draftPending: Int32Array.of(tokens[199]!),
        maxTokens: 5000,
      },
      (more) => {
        got.push(...more)
        if (got.length > 20) cancel()
      },
      () => resolve(),
    )
  })
  t.ok(got.length > 20)
  const fresh = model.createSequence({ contextTokens: 8000, kv: 'f16' })
  const text = [...tokens.slice(0, 200), ...got]
  await prefill(fresh, text.slice(0, target.length))
  t.equal(target.fingerprint(), fresh.fingerprint())
  model.close()
})

t.test('requests interleave: a short answer does not wait for a long prefill', async (t) => {
  const model = await loadModel(await file())
  const long = model.createSequence({ contextTokens: 8000, kv: 'f16' })
  const short = model.createSequence({ contextTokens: 100, kv: 'f16' })
  let longDone = false
  const prefilling = prefill(long, tokens).then(() => {
    longDone = true
  })
  await generate({ target: short, targetPending: Int32Array.of(1), maxTokens: 3 })
  t.notOk(longDone)
  await prefilling
  model.close()
})

const script = (path: string, work: string, tokens = 6000) => `
  const binding = require('node-gyp-build')(${JSON.stringify(process.cwd())})
  const nothing = () => {}
  const tokens = new Int32Array(${tokens}).fill(3)
  binding.loadModel(${JSON.stringify(path)}, { threads: 2, isa: '', draftCopy: false }, nothing, (error, model) => {
    if (error) throw error
    const sequence = model.createSequence({ contextTokens: tokens.length + 100, kv: 'f16' })
    ${work}
  })`

t.test('Workers: several environments at once, terminated while they work', async (t) => {
  const path = await file()
  const code = `const { parentPort } = require('node:worker_threads'); ${script(
    path,
    `
    binding.prefill(sequence, tokens, nothing, nothing)
    for (let i = 0; i < 3; i++) binding.prefill(model.createSequence({ contextTokens: tokens.length, kv: 'f16' }), tokens, nothing, nothing)
    parentPort.postMessage('working')`,
    400_000, // attention over so many takes hours
  )}`
  for (let i = 0; i < 6; i++) {
    const worker = new Worker(code, { eval: true })
    await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate() // waiting for the prefill would outlast the test's time
  }
  const survivor: NativeModel = await loadModel(path)
  t.equal(survivor.info.architecture, 'llama', 'the main thread goes on')
  survivor.close()
})

for (const [what, work] of [
  ['after its work', 'binding.prefill(sequence, tokens.subarray(0, 100), nothing, () => console.log("done"))'],
  [
    'with process.exit() in the middle of a prefill',
    'binding.prefill(sequence, tokens, (n) => { if (n > 500) { console.log("done"); process.exit(0) } }, nothing)',
  ],
  [
    'after an uncaught exception in a callback',
    'process.on("uncaughtException", () => console.log("done")); binding.prefill(sequence, tokens.subarray(0, 600), () => {}, () => { throw new Error("user") })',
  ],
  [
    'with handles left to the garbage collector',
    'for (let i = 0; i < 200; i++) model.createSequence({ contextTokens: 64, kv: "f16" }).fork(); globalThis.gc(); setTimeout(() => console.log("done"), 20)',
  ],
] as const) {
  t.test(`a process ends by itself and with code 0 ${what}`, async (t) => {
    const result = spawnSync(process.execPath, ['--expose-gc', '-e', script(await file(), work)], { encoding: 'utf8', timeout: 60_000 })
    t.equal(result.status, 0, result.stderr)
    t.match(result.stdout, /done/)
  })
}
