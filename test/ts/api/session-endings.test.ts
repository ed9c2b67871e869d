/** Progress, aborts and closing: nothing is left behind, however a request ends. */
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { Progress } from '../../../lib/options/progress'
import { FakeBinding } from '../../helpers/fake-binding'
import { ask, needle, question, setup, text } from '../../helpers/session'

t.test('progress covers every phase and counts up to its total', async (t) => {
  const binding = new FakeBinding()
  const seen: Progress[] = []
  const onProgress = (progress: Progress) => seen.push(progress)
  const model = await loadModelWith(binding, 'fake.gguf', { onProgress })
  const doc = await model.open(text, { onProgress, chunkTokens: 128 })
  t.same([...new Set(seen.map(({ phase }) => phase))], ['load', 'tokenize', 'index', 'prefill-target'])
  t.match(
    seen.findLast(({ phase }) => phase === 'prefill-target'),
    { processed: doc.promptTokens, total: doc.promptTokens, cached: 0 },
  )
  seen.length = 0
  await doc.ask(question, { ...ask, onProgress })
  t.same([...new Set(seen.map(({ phase }) => phase))], ['prefill-target'], "a drafter in the target's cache reads nothing")
  seen.length = 0
  const { stats } = await doc.ask(question, { ...ask, mode: 'exact', onProgress })
  t.same([...new Set(seen.map(({ phase }) => phase))].sort(), ['prefill-drafter', 'prefill-target'])
  t.match(
    seen.find(({ phase }) => phase === 'prefill-target'),
    { processed: doc.promptTokens, cached: doc.promptTokens },
  )
  // The last token of a prompt is decoding's: its logits give the first token of the answer.
  t.match(
    seen.findLast(({ phase }) => phase === 'prefill-target'),
    { processed: stats.promptTokens - 1, total: stats.promptTokens - 1 },
  )
  for (const { processed, total } of seen) t.ok(processed <= total)
  await model.close()
})

t.test('what onProgress throws becomes the error of the call', async (t) => {
  const { binding, model, doc } = await setup(t)
  const onProgress = ({ phase }: Progress) => {
    if (phase !== 'tokenize') throw new Error(`no ${phase}`)
  }
  const open = binding.sequences.size
  await t.rejects(loadModelWith(binding, 'fake.gguf', { onProgress }), { message: 'no load' })
  await t.rejects(model.open(text, { onProgress }), { message: 'no index' })
  await t.rejects(Promise.resolve(doc.ask(question, { onProgress })), { message: /^no prefill-/ })
  t.equal(binding.sequences.size, open)
  t.equal(binding.models.size, 1)
})

const reason = new Error('changed my mind')

t.test('abort during loading rejects with the reason and leaves no model', async (t) => {
  const binding = new FakeBinding()
  const aborted = AbortSignal.abort(reason)
  await t.rejects(loadModelWith(binding, 'fake.gguf', { signal: aborted }), reason)
  const controller = new AbortController()
  const onProgress = ({ processed }: Progress) => processed > 0 && controller.abort(reason)
  await t.rejects(loadModelWith(binding, 'fake.gguf', { signal: controller.signal, onProgress }), reason)
  t.equal(binding.models.size, 0)
})

for (const phase of ['tokenize', 'index', 'prefill-target'] as const) {
  t.test(`abort during ${phase} of a document rejects with the reason and leaves no sequence`, async (t) => {
    const { binding, model } = await setup(t)
    const before = binding.sequences.size
    const controller = new AbortController()
    const onProgress = (progress: Progress) => progress.phase === phase && controller.abort(reason)
    await t.rejects(model.open(text, { signal: controller.signal, onProgress }), reason)
    t.equal(binding.sequences.size, before)
    t.equal(binding.busy.size, 0)
  })
}

for (const phase of ['prefill-target', 'prefill-drafter'] as const) {
  t.test(`abort during ${phase} of a question rejects with the reason; the next question works`, async (t) => {
    const { binding, doc } = await setup(t)
    const before = binding.sequences.size
    const controller = new AbortController()
    const onProgress = (progress: Progress) => progress.phase === phase && controller.abort(reason)
    await t.rejects(Promise.resolve(doc.ask(question, { mode: 'exact', signal: controller.signal, onProgress })), reason)
    t.equal(binding.sequences.size, before)
    t.equal((await doc.ask(question, ask)).text, needle.slice(question.length))
  })
}

t.test('abort during decoding rejects loop and promise with the reason; the next question works', async (t) => {
  const { binding, doc } = await setup(t)
  const controller = new AbortController()
  const answer = doc.ask(question, { signal: controller.signal })
  const loop = async () => {
    for await (const _ of answer) controller.abort(reason)
  }
  await t.rejects(loop(), reason)
  await t.rejects(Promise.resolve(answer), reason)
  t.equal(binding.busy.size, 0)
  t.equal(binding.sequences.size, 1, 'only the document')
  t.equal((await doc.ask(question, ask)).text, needle.slice(question.length))
})

t.test('leaving the loop stops the native request before the loop ends', async (t) => {
  const { binding, doc } = await setup(t)
  for await (const _ of doc.ask(question)) break
  t.equal(binding.busy.size, 0)
  t.equal(binding.sequences.size, 1)
})

t.test('listeners do not pile up on a signal that lives long', async (t) => {
  const { doc } = await setup(t)
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(signal, args)
  }
  await doc.ask(question, { ...ask, signal })
  t.equal(listeners, 0)
})

t.test('close() cancels running questions with ERR_CLOSED and waits for them', async (t) => {
  const { binding, model, doc } = await setup(t)
  const answer = doc.ask(question)
  const opening = model.open(text)
  const rejected = [t.rejects(Promise.resolve(answer), { code: 'ERR_CLOSED' }), t.rejects(opening, { code: 'ERR_CLOSED' })]
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([model.close(), model.close()])
  t.ok(model.closed && doc.closed)
  t.equal(binding.sequences.size, 0)
  t.equal(binding.models.size, 0)
  await Promise.all(rejected)
  await model.close()
})

t.test('use after close is ERR_CLOSED', async (t) => {
  const { model, doc } = await setup(t)
  await doc.close()
  await doc.close()
  t.ok(doc.closed)
  t.equal(doc.kvBytes, 0)
  await t.rejects(Promise.resolve(doc.ask(question)), { code: 'ERR_CLOSED', message: 'the document is closed' })
  await model.close()
  await t.rejects(model.open(text), { code: 'ERR_CLOSED', message: 'the model is closed' })
  t.equal(model.info.architecture, 'llama', 'info stays')
})

t.test('closing a document leaves the model and its other documents', async (t) => {
  const { model, doc } = await setup(t)
  const other = await model.open(text, { chunkTokens: 128 })
  await doc.close()
  t.equal((await other.ask(question, ask)).text, needle.slice(question.length))
})

t.test('await using closes', async (t) => {
  const { model, binding } = await setup(t)
  const doc = await model.open(text)
  await doc[Symbol.asyncDispose]()
  t.ok(doc.closed)
  t.equal(binding.sequences.size, 1)
})
