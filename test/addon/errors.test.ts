/** The border itself: whatever JavaScript passes, the outcome is a typed error, never a crash. */
import * as fs from 'node:fs'
import t from 'tap'
import { randomModel, temporary, tiny } from '../helpers/models'
import { binding, evaluate, generate, greedyDefaults, loadModel, prefill, randomTokens, readGguf } from '../helpers/native'

const invalid = { code: 'ERR_INVALID_ARGUMENT' }
const nothing = () => {}
// Wrong on purpose: the compiler must not help here.
// biome-ignore lint/suspicious/noExplicitAny: see above
const raw = binding as any

const file = () => randomModel('errors', { ...tiny, dtypes: { default: 'Q8_0' } })

t.test('wrong argument types', async (t) => {
  for (const value of [undefined, null, 1, {}, [], Symbol('x'), nothing]) {
    t.throws(() => raw.readGguf(value, nothing), invalid)
    t.throws(() => raw.loadModel(value, { threads: 1, isa: '', draftCopy: false }, nothing, nothing), invalid)
  }
  for (const options of [
    undefined,
    null,
    3,
    {},
    { threads: 'two', isa: '', draftCopy: false },
    { threads: -1, isa: '', draftCopy: false },
    { threads: 1.5, isa: '', draftCopy: false },
    { threads: 1e9, isa: '', draftCopy: false },
    { threads: Number.NaN, isa: '', draftCopy: false },
    { threads: 1, isa: 5 },
  ]) {
    t.throws(() => raw.loadModel('x.gguf', options, nothing, nothing), invalid)
  }
  t.throws(() => raw.loadModel('x.gguf', { threads: 1, isa: 'sse9', draftCopy: false }, nothing, nothing), invalid)
  t.throws(() => raw.loadModel('x.gguf', { threads: 1, isa: '', draftCopy: false }, nothing, null), invalid)
  t.throws(() => raw.readGguf('x.gguf'), invalid)
  for (const handle of [undefined, null, {}, 4, [], binding]) {
    t.throws(() => raw.prefill(handle, new Int32Array(1), nothing, nothing), invalid)
    t.throws(() => raw.evaluate(handle, new Int32Array(1), 1, nothing), invalid)
  }
})

t.test('handles: foreign objects, wrong methods, use after close', async (t) => {
  const model = await loadModel(await file())
  const sequence = model.createSequence({ contextTokens: 100, kv: 'f16' })
  const Model = model.constructor as new (...args: unknown[]) => unknown
  const Sequence = sequence.constructor as new (...args: unknown[]) => unknown
  t.throws(() => new Model(), invalid)
  t.throws(() => new Sequence({}), invalid)
  t.throws(() => Model.prototype.createSequence.call(sequence, { contextTokens: 1, kv: 'f16' }), TypeError)
  t.throws(() => Sequence.prototype.fork.call(model))
  t.throws(() => Sequence.prototype.truncate.call({}, 0))
  t.throws(() => raw.prefill(model, new Int32Array(1), nothing, nothing), invalid)
  for (const options of [
    undefined,
    {},
    { contextTokens: 0, kv: 'f16' },
    { contextTokens: 1.5, kv: 'f16' },
    { contextTokens: 10, kv: 'q4' },
    { contextTokens: 10 },
    { contextTokens: 10, kv: 'f16', precision: 'nested' },
    { contextTokens: 10, kv: 'f16', precision: null },
  ]) {
    t.throws(() => (model as unknown as { createSequence(o: unknown): unknown }).createSequence(options), invalid)
  }
  for (const length of [-1, 1, 1.5, Number.NaN, '0', undefined]) t.throws(() => sequence.truncate(length as number), invalid)
  for (const length of [-1, 64, 1.5, undefined]) t.throws(() => sequence.repeat(length as number), invalid) // it is empty
  t.throws(() => raw.prefill(sequence, [1, 2], nothing, nothing), invalid)
  t.throws(() => raw.prefill(sequence, new Float32Array(2), nothing, nothing), invalid)
  t.throws(() => raw.evaluate(sequence, new Int32Array(2), 'two', nothing), invalid)
  for (const rows of [-1, 65]) t.throws(() => raw.evaluate(sequence, new Int32Array(100), rows, nothing), invalid)
  await t.rejects(evaluate(sequence, [], 0), invalid)
  await t.rejects(evaluate(sequence, [1], 2), invalid)
  await t.rejects(prefill(sequence, [tiny.vocab]), invalid)
  await t.rejects(prefill(sequence, [-1]), invalid)
  t.equal(sequence.length, 0, 'a refused request leaves the sequence as it was')

  await t.rejects(prefill(sequence, randomTokens(101, tiny.vocab)), { code: 'ERR_CONTEXT_OVERFLOW' })
  model.close()
  model.close()
  t.ok(model.closed)
  t.throws(() => model.createSequence({ contextTokens: 1, kv: 'f16' }), { code: 'ERR_CLOSED' })
  t.throws(() => model.info, { code: 'ERR_CLOSED' })
  await prefill(sequence, [1, 2, 3])
  t.equal(sequence.length, 3, 'a sequence outlives its closed model')
  sequence.close()
  sequence.close()
  t.throws(() => sequence.length, { code: 'ERR_CLOSED' })
  t.throws(() => sequence.fork(), { code: 'ERR_CLOSED' })
  t.throws(() => sequence.fingerprint(), { code: 'ERR_CLOSED' })
})

t.test('a generate request is checked field by field', async (t) => {
  const model = await loadModel(await file())
  const target = model.createSequence({ contextTokens: 100, kv: 'f16' })
  await prefill(target, [1])
  const good = { ...greedyDefaults, target, targetPending: Int32Array.of(1) }
  const selfDrafter = { precision: 'full', ranges: Int32Array.of(0, 1), tail: 1 } as const
  const wrong: Record<string, unknown>[] = [
    { mode: 'fast' },
    { mode: 3 },
    { target: {} },
    { target: undefined },
    { target: null },
    { targetPending: [1] },
    { targetPending: new Int32Array() },
    { transfer: -1 },
    { transfer: Number.NaN },
    { transfer: Number.POSITIVE_INFINITY },
    { plausibility: 2 },
    { transferTemperature: 0 },
    { draftLength: 17 },
    { draftLength: -2 },
    { draftLength: 1.5 },
    { confidence: -0.1 },
    { temperature: -1 },
    { temperature: 'hot' },
    { topK: -1 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: 1 },
    { repetitionPenalty: 0 },
    { seed: 1 },
    { seed: -1n },
    { seed: 2n ** 64n },
    { maxTokens: 0 },
    { stopTokens: [2] },
    { validTokens: -1 },
    { validTokens: tiny.vocab + 1 },
    { ngram: 1 },
    { ngramSource: [1] },
    { ngramSource: Int32Array.of(-1) },
    { selfDrafter: undefined },
    { selfDrafter: 5 },
    { selfDrafter },
    { mode: 'exact', selfDrafter },
    { mode: 'lossless', selfDrafter, draftModel: target },
    { mode: 'lossless', selfDrafter, draftPending: Int32Array.of(1) },
    { mode: 'lossless', selfDrafter, target: null },
    ...[{ precision: 'half' }, { tail: -1 }, { tail: 2 }, { tail: 1.5 }, { ranges: [] }].map((field) => ({
      mode: 'lossless',
      selfDrafter: { ...selfDrafter, ...field },
    })),
    ...[[0], [-1, 1], [1, 0], [0, 2]].map((ranges) => ({
      mode: 'lossless',
      selfDrafter: { ...selfDrafter, ranges: Int32Array.from(ranges) },
    })),
    { mode: 'lossless' },
    { mode: 'exact' },
    { mode: 'rag' },
  ]
  for (const field of wrong) {
    await t.rejects(
      async () => generate({ ...good, ...field } as never),
      { code: /ERR_INVALID_ARGUMENT|ERR_CLOSED/ },
      JSON.stringify(field, (_, v) => (typeof v === 'bigint' ? String(v) : v)),
    )
  }
  const run = await generate({ ...good, maxTokens: 3 })
  t.equal(run.tokens.length, 3, 'the sequence still works')
  const drafted = await generate({ ...good, mode: 'lossless', selfDrafter, maxTokens: 3 })
  t.equal(drafted.tokens.length, 3, 'also with a drafter in its cache')
  model.close()
})

t.test('a sequence serves one request at a time', async (t) => {
  const model = await loadModel(await file())
  const sequence = model.createSequence({ contextTokens: 4000, kv: 'f16' })
  const running = prefill(sequence, randomTokens(3000, tiny.vocab))
  t.throws(() => sequence.fork(), { code: 'ERR_BUSY' })
  await t.rejects(async () => prefill(sequence, [1]), { code: 'ERR_BUSY' })
  t.throws(() => raw.generate({ ...greedyDefaults, target: sequence, targetPending: Int32Array.of(1) }, nothing, nothing), {
    code: 'ERR_BUSY',
  })
  t.throws(
    () =>
      raw.generate(
        { ...greedyDefaults, mode: 'lossless', target: sequence.constructor, targetPending: Int32Array.of(1) },
        nothing,
        nothing,
      ),
    invalid,
  )
  sequence.close() // the request goes on with the memory it holds
  await running
  model.close()
})

t.test('files: missing, a directory, no model, unreadable', async (t) => {
  await t.rejects(readGguf(temporary('missing.gguf')), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(loadModel(temporary('missing.gguf')), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(readGguf(process.cwd()), { code: /ERR_FILE_READ|ERR_INVALID_MODEL/ })
  const empty = temporary('empty.gguf')
  fs.writeFileSync(empty, '')
  await t.rejects(loadModel(empty), { code: 'ERR_INVALID_MODEL' })
  const text = temporary('text.gguf')
  fs.writeFileSync(text, 'This is no model. '.repeat(100))
  await t.rejects(loadModel(text), { code: 'ERR_INVALID_MODEL' })
})

t.test('a model file cut anywhere is refused, and so are tensors of the wrong shape', async (t) => {
  const bytes = fs.readFileSync(await file())
  const cut = temporary('cut.gguf')
  for (let i = 0; i < 40; i++) {
    fs.writeFileSync(cut, bytes.subarray(0, Math.floor((bytes.length * i) / 40)))
    await t.rejects(loadModel(cut), { code: 'ERR_INVALID_MODEL' }, `${i} fortieths of the file`)
  }
  // The head counts contradict the tensors' shapes.
  const shape = temporary('shape.gguf')
  const key = Buffer.from('llama.attention.head_count')
  const changed = Buffer.from(bytes)
  const at = changed.indexOf(key) + key.length
  t.equal(changed.readUInt32LE(at), 4, 'a u32 follows the key')
  changed.writeUInt32LE(8, at + 4)
  fs.writeFileSync(shape, changed)
  await t.rejects(loadModel(shape), { code: 'ERR_INVALID_MODEL' })
  changed.writeUInt32LE(0, at + 4)
  fs.writeFileSync(shape, changed)
  await t.rejects(loadModel(shape), { code: 'ERR_INVALID_MODEL' })
  const architecture = Buffer.from(bytes)
  architecture.write('gpt-j', architecture.indexOf('llama'))
  fs.writeFileSync(shape, architecture)
  await t.rejects(loadModel(shape), { code: 'ERR_UNSUPPORTED_MODEL' })
})

t.test('more memory than there is: a typed error', async (t) => {
  const model = await loadModel(await file())
  t.throws(() => model.createSequence({ contextTokens: 1 << 30, kv: 'f32' }), { code: 'ERR_OUT_OF_MEMORY' })
  const sequence = model.createSequence({ contextTokens: 100, kv: 'f32' })
  await prefill(sequence, [1, 2, 3])
  model.close()
})
