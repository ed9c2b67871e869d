/** Callbacks that misbehave, and signals that many requests share. */
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { OnProgress, Progress } from '../../../lib/options/progress'
import { FakeBinding } from '../../helpers/fake-binding'
import { ask, question, setup, text } from '../../helpers/session'

/** What a promise rejects with, in a list; none if it does not. */
const rejection = (promise: PromiseLike<unknown>): Promise<unknown[]> =>
  Promise.resolve(promise).then(
    () => [],
    (value) => [value],
  )

/** Counts what Node reports of promises that nobody handles, while `body` runs and a turn of the event loop later. */
async function unhandledIn(body: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (value) => seen.push(value))
  try {
    await body()
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  }
  return seen
}

const error = new Error('of the caller')
for (const value of [undefined, error]) {
  for (const [how, callback] of [
    [
      'throws',
      (phase: Progress['phase']): OnProgress =>
        (progress) => {
          if (progress.phase === phase) throw value
        },
    ],
    [
      'is async and rejects',
      (phase: Progress['phase']): OnProgress =>
        async (progress) => {
          if (progress.phase === phase) throw value
        },
    ],
  ] as const) {
    t.test(`an onProgress that ${how} with ${String(value)} ends the request with that, and is reported once`, async (t) => {
      const { binding, model, doc } = await setup(t)
      const handles = () => [binding.models.size, binding.sequences.size, binding.busy.size]
      const before = handles()
      const unhandled = await unhandledIn(async () => {
        t.strictSame(await rejection(loadModelWith(binding, 'fake.gguf', { onProgress: callback('load') })), [value], 'loadModel')
        for (const phase of ['tokenize', 'prefill-target'] as const)
          t.strictSame(await rejection(model.open(text, { onProgress: callback(phase) })), [value], `open, ${phase}`)
        for (const phase of ['prefill-target', 'prefill-drafter'] as const) {
          const options = { ...ask, mode: 'exact', onProgress: callback(phase) } as const
          t.strictSame(await rejection(doc.ask(question, options)), [value], `ask, ${phase}`)
          t.strictSame(await rejection(doc.ask(question, options)[Symbol.asyncIterator]().next()), [value], `its stream, ${phase}`)
        }
        const onProgress =
          how === 'throws' ? () => callback('load')({ phase: 'load', processed: 0, total: 0 }) : async () => Promise.reject(value)
        t.strictSame(await rejection(model.tokenizer.encodeAsync(text, { onProgress })), [value], 'encodeAsync')
      })
      t.strictSame(unhandled, [])
      t.strictSame(handles(), before, 'nothing is left behind')
      t.ok((await doc.ask(question, ask)).text.length > 0, 'the document serves the next question')
    })
  }
}

t.test('an async onProgress that rejects after the end of the request is an unhandled rejection, once', async (t) => {
  const { doc } = await setup(t)
  let fail = () => {}
  const late = new Promise<void>((_, reject) => {
    fail = () => reject(error)
  })
  let calls = 0
  const onProgress = () => (calls++ === 0 ? late : undefined)
  const unhandled = await unhandledIn(async () => {
    t.ok((await doc.ask(question, { ...ask, onProgress })).text.length > 0)
    fail()
  })
  t.ok(calls > 0)
  t.strictSame(unhandled, [error])
})

t.test('the error of a callback is not mistaken for a GPU that does not take the model', async (t) => {
  const binding = new FakeBinding()
  binding.gpus = { devices: [{ index: 0, name: '', capability: '', totalBytes: 1, freeBytes: 1, problem: '' }], reason: '' }
  const mine = Object.assign(new Error('mine'), { code: 'ERR_OUT_OF_MEMORY' })
  const onProgress = () => {
    throw mine
  }
  t.strictSame(await rejection(loadModelWith(binding, 'fake.gguf', { onProgress })), [mine])
  t.equal(binding.loads.length, 1, 'it was not loaded on the CPU instead')
})

t.test('a dozen requests under one signal and one model warn of nothing', async (t) => {
  const warnings: Error[] = []
  const hear = (warning: Error) => warnings.push(warning)
  process.on('warning', hear)
  t.teardown(() => process.removeListener('warning', hear))
  const { binding, model, doc } = await setup(t)
  const { signal } = new AbortController()
  const dozen = <T>(start: () => PromiseLike<T>) => Promise.all(Array.from({ length: 12 }, start))
  await dozen(() => doc.ask(question, { ...ask, signal }))
  for (const each of await dozen(() => model.open('A short text.', { signal }))) await each.close()
  for (const each of await dozen(() => loadModelWith(binding, 'fake.gguf', { signal }))) await each.close()
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(warnings, [])
})

t.test('every request under a signal hears it', async (t) => {
  const { binding, doc } = await setup(t)
  const controller = new AbortController()
  const answers = Array.from({ length: 12 }, () => rejection(doc.ask(question, { ...ask, signal: controller.signal })))
  controller.abort(error)
  for (const answer of answers) t.strictSame(await answer, [error])
  t.equal(binding.busy.size, 0)
})

t.test('a signal that another library made will do', async (t) => {
  const { model, binding } = await setup(t)
  /** What an older AbortController has: neither `reason` nor `throwIfAborted`. */
  class OldSignal extends EventTarget {
    aborted = false
    abort() {
      this.aborted = true
      this.dispatchEvent(new Event('abort'))
    }
  }
  const old = new OldSignal()
  const signal = old as unknown as AbortSignal
  await (await loadModelWith(binding, 'fake.gguf', { signal })).close()
  t.ok((await model.tokenizer.encodeAsync(text, { signal })).length > 0)
  const opening = rejection(model.open(text, { signal }))
  old.abort()
  t.match(await opening, [{ name: 'AbortError' }])
  t.match(await rejection(loadModelWith(binding, 'fake.gguf', { signal })), [{ name: 'AbortError' }])
})
