/** What a session refuses, and with which error. */
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import { RagdraftError } from '../../../lib/base/errors'
import { fakeContents, nativeError } from '../../helpers/fake-binding'
import { ask, needle, question, setup, text } from '../../helpers/session'

t.test('a document that does not fit is refused with both counts', async (t) => {
  const { binding, model, doc } = await setup(t)
  const open = binding.sequences.size
  await t.rejects(model.open(text, { contextTokens: 1000 }), {
    name: 'RagdraftError',
    code: 'ERR_CONTEXT_OVERFLOW',
    details: { promptTokens: doc.promptTokens, contextTokens: 1000 },
  })
  t.equal(binding.sequences.size, open)
})

t.test('a question that does not fit is refused with both counts', async (t) => {
  const { model, doc } = await setup(t)
  const contextTokens = doc.promptTokens + 50
  const tight = await model.open(text, { contextTokens })
  await t.rejects(Promise.resolve(tight.ask('why '.repeat(50))), { code: 'ERR_CONTEXT_OVERFLOW', details: { contextTokens } })
  t.equal((await tight.ask(question, { maxTokens: 2 })).stats.decodeTokens, 2, 'a shorter one works')
})

t.test("the drafter's chunks are cut down to its context", async (t) => {
  const files = { 'fake.gguf': fakeContents(), 'small.gguf': fakeContents({ contextLength: 512 }) }
  const { binding, model } = await setup(t, { files })
  const drafter = await loadModelWith(binding, 'small.gguf')
  const doc = await model.open(text, { drafter, chunkTokens: 128 })
  const { chunks, stats } = await doc.ask(question, { ...ask, maxTokens: 100 })
  t.ok(chunks.length >= 1 && stats.draftPromptTokens + 100 <= 512, `${chunks.length} chunks, ${stats.draftPromptTokens} tokens`)
  t.ok(chunks.some(({ start, end }) => text.slice(start, end).includes('lighthouse')))
  await t.rejects(Promise.resolve(doc.ask(question, { chunks: [0, 1, 2, 3, 4] })), {
    code: 'ERR_CONTEXT_OVERFLOW',
    details: { contextTokens: 512 },
  })
  await t.rejects(Promise.resolve(doc.ask('why '.repeat(200), {})), { code: 'ERR_CONTEXT_OVERFLOW', details: { contextTokens: 512 } })
  await drafter.close()
  t.ok(doc.closed, 'a document closes with its drafter')
  t.notOk(model.closed)
})

t.test('a drafter may be padded differently, but not speak another vocabulary', async (t) => {
  const files = {
    'fake.gguf': fakeContents(),
    'padded.gguf': fakeContents({ padding: 6 }),
    'other.gguf': fakeContents({ tokens: { 257: '<|end|>' } }),
  }
  const { binding, model } = await setup(t, { files })
  const padded = await loadModelWith(binding, 'padded.gguf')
  const other = await loadModelWith(binding, 'other.gguf')
  const doc = await model.open(text, { drafter: padded, chunkTokens: 128 })
  t.equal((await doc.ask(question, ask)).text, needle.slice(question.length))
  t.equal(binding.requests.at(-1)!.validTokens, 258)
  await t.rejects(model.open(text, { drafter: other }), {
    code: 'ERR_VOCABULARY_MISMATCH',
    details: { targetTokens: 258, drafterTokens: 258, firstDifference: 257 },
  })
  await Promise.all([padded.close(), other.close()])
})

t.test('a drafter must be a model', async (t) => {
  const { model } = await setup(t)
  await t.rejects(model.open(text, { drafter: {} as never }), { code: 'ERR_INVALID_ARGUMENT', message: /^drafter must be a model/ })
})

t.test('wrong arguments are typed errors', async (t) => {
  const { model, doc, binding } = await setup(t)
  await t.rejects(loadModelWith(binding, 7 as never), { code: 'ERR_INVALID_ARGUMENT' })
  await t.rejects(loadModelWith(binding, ''), { code: 'ERR_INVALID_ARGUMENT' })
  await t.rejects(loadModelWith(binding, 'none.gguf'), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(loadModelWith(binding, 'fake.gguf', { thread: 1 } as never), { code: 'ERR_INVALID_ARGUMENT' })
  for (const input of [undefined, null, 5, {}, { text: 5 }, '', '  '])
    await t.rejects(model.open(input as never), { code: 'ERR_INVALID_ARGUMENT' })
  await t.rejects(model.open({ path: '/nowhere/at/all' }), { code: 'ERR_FILE_NOT_FOUND' })
  for (const bad of ['', 5, null]) await t.rejects(Promise.resolve(doc.ask(bad as never)), { code: 'ERR_INVALID_ARGUMENT' })
  await t.rejects(Promise.resolve(doc.ask(question, { mode: 'fast' as never })), { code: 'ERR_INVALID_ARGUMENT' })
})

t.test('errors of the binding become RagdraftErrors with their code', async (t) => {
  const { binding, model, doc } = await setup(t)
  for (const name of ['prefill', 'generate', 'createSequence'] as const) {
    binding.failures[name] = nativeError('ERR_OUT_OF_MEMORY', 'no memory')
    const before = binding.sequences.size
    const error = await doc.ask(question, { ...ask, mode: 'exact' }).catch((error) => error)
    t.ok(error instanceof RagdraftError, name)
    t.match(error, { code: 'ERR_OUT_OF_MEMORY', message: 'no memory' })
    t.equal(binding.sequences.size, before, `${name} leaves no sequence behind`)
    delete binding.failures[name]
  }
  binding.failures.prefill = nativeError('ERR_OUT_OF_MEMORY')
  await t.rejects(model.open(text), { code: 'ERR_OUT_OF_MEMORY' })
  delete binding.failures.prefill
  t.equal((await doc.ask(question, ask)).text, needle.slice(question.length), 'the document is unharmed')
  binding.failures.loadModel = nativeError('ERR_INVALID_MODEL', 'bad tensor')
  await t.rejects(loadModelWith(binding, 'fake.gguf'), { code: 'ERR_INVALID_MODEL', message: 'bad tensor' })
  delete binding.failures.loadModel
})
