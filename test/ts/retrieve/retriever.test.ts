/** A retriever of the caller's own: what it is given, how it ends, what of it is refused. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { Progress } from '../../../lib/options/progress'
import type { Hit, Retriever } from '../../../lib/retrieve/retriever'
import { FakeBinding } from '../../helpers/fake-binding'
import { ask, needle, question, setup, text } from '../../helpers/session'

const noHits = async (): Promise<Hit[]> => []
const retriever = (parts: Partial<Retriever> = {}): Retriever => ({ index: async () => {}, search: noHits, ...parts })

t.test('it indexes the document once, searches once per question, and its hits are read', async (t) => {
  const calls: unknown[][] = []
  let chunkOfNeedle = -1
  const own: Retriever = {
    async index(document, chunks, { onProgress }) {
      calls.push(['index', document === text, chunks.length])
      chunkOfNeedle = chunks.findIndex(({ start, end }) => document.slice(start, end).includes(needle.slice(0, 40)))
      for (const processed of [10, 5, Number.NaN, Infinity]) onProgress(processed)
    },
    async search(query, k) {
      calls.push(['search', query, k])
      return [{ index: chunkOfNeedle, score: 0.5 }]
    },
  }
  const seen: Progress[] = []
  const { doc } = await setup(t, { open: { retriever: own, onProgress: (progress) => void seen.push(progress) } })
  const index = seen.filter(({ phase }) => phase === 'index').map(({ processed }) => processed)
  t.same(
    index,
    [...new Set(index)].sort((a, b) => a - b),
    'progress ascends, whatever the retriever says',
  )
  t.equal(index.at(-1), text.length)
  for (const mode of ['rag', 'lossless', 'exact'] as const) {
    const { chunks, text: answer } = await doc.ask(question, { ...ask, mode })
    t.same(chunks, [{ start: doc.chunks[chunkOfNeedle]!.start, end: doc.chunks[chunkOfNeedle]!.end, score: 0.5 }], mode)
    t.equal(answer.trim(), needle.slice(question.length).trim(), mode)
  }
  await doc.ask(question, { ...ask, mode: 'plain' })
  await doc.ask(question, { ...ask, chunks: [0] })
  const searches = calls.filter((call) => call[0] === 'search')
  t.same(calls[0], ['index', true, doc.chunks.length])
  t.equal(searches.length, 3, 'plain reads no chunks, and named chunks need no search')
  t.same(searches[0]?.slice(0, 2), ['search', question])
})

t.test('a search with two drafters is one search', async (t) => {
  const binding = new FakeBinding()
  const [model, drafter] = [await loadModelWith(binding, 'fake.gguf'), await loadModelWith(binding, 'fake.gguf')]
  t.teardown(() => Promise.all([model.close(), drafter.close()]))
  let searches = 0
  const own = retriever({ search: async () => [{ index: searches++, score: 1 }] })
  const doc = await model.open(text, { drafter, retriever: own, chunkTokens: 128 })
  await doc.ask(question, ask)
  t.equal(searches, 1)
})

t.test('without a hit the chunks are spread over the document', async (t) => {
  const { doc } = await setup(t, { open: { retriever: retriever() } })
  const { chunks } = await doc.ask(question, { ...ask, maxChunks: 2 })
  t.same(
    chunks.map(({ start }) => start),
    [0, doc.chunks.at(-1)!.start],
  )
})

t.test('what index() throws is what open() rejects with, and no handle is left', async (t) => {
  const binding = new FakeBinding()
  const model = await loadModelWith(binding, 'fake.gguf')
  t.teardown(() => model.close())
  const failure = new Error('no vectors')
  const failing: [string, Retriever['index']][] = [
    ['rejects', async () => Promise.reject(failure)],
    [
      'throws at once',
      () => {
        throw failure
      },
    ],
  ]
  for (const [name, index] of failing) {
    t.equal(await model.open(text, { retriever: retriever({ index }) }).catch((error) => error), failure, name)
    t.equal(binding.sequences.size, 0, name)
  }
})

t.test('what search() throws is what the answer rejects with; the next question works', async (t) => {
  const failure = new Error('offline')
  let search: Retriever['search'] = noHits
  const { doc, binding } = await setup(t, { open: { retriever: retriever({ search: (...args) => search(...args) }) } })
  const failing: [string, Retriever['search']][] = [
    ['rejects', async () => Promise.reject(failure)],
    [
      'throws at once',
      () => {
        throw failure
      },
    ],
  ]
  for (const [name, fail] of failing) {
    search = fail
    t.equal(await doc.ask(question, ask).catch((error) => error), failure, name)
    t.equal(binding.sequences.size, 1, `${name}: only the document's cache is left`)
  }
  search = noHits
  t.ok((await doc.ask(question, ask)).text)
})

t.test('hits that are none are refused with ERR_INVALID_ARGUMENT, which names the retriever', async (t) => {
  let hits: unknown
  const { doc } = await setup(t, { open: { retriever: retriever({ search: async () => hits as Hit[] }) } })
  const count = doc.chunks.length
  const bad: [unknown, string][] = [
    [undefined, "the result of the retriever's search() must be an array of { index, score }, got undefined"],
    [{ 0: { index: 0, score: 1 } }, "the result of the retriever's search() must be"],
    [
      [{ index: count, score: 1 }],
      `index of the retriever's hit 0 must be an integer from 0 to ${count - 1}, a chunk of the document, got ${count}`,
    ],
    [
      [
        { index: 0, score: 1 },
        { index: -1, score: 1 },
      ],
      "index of the retriever's hit 1 must be",
    ],
    [[{ index: 0.5, score: 1 }], "index of the retriever's hit 0 must be"],
    [[{ index: 0, score: Number.NaN }], "score of the retriever's hit 0 must be a finite number, got NaN"],
    [[{ index: 0 }], "score of the retriever's hit 0 must be a finite number, got undefined"],
    [[null], "index of the retriever's hit 0 must be"],
    [new Array(1), "index of the retriever's hit 0 must be"],
  ]
  for (const [value, message] of bad) {
    hits = value
    const error = (await doc.ask(question, ask).catch((reason) => reason)) as Error
    t.match(error, { code: 'ERR_INVALID_ARGUMENT' }, message)
    t.ok(error.message.startsWith(message), error.message)
  }
})

t.test('an object without the two functions is refused', async (t) => {
  const model = await loadModelWith(new FakeBinding(), 'fake.gguf')
  t.teardown(() => model.close())
  for (const wrong of [null, {}, { index: async () => {} }, 'bm25', () => {}])
    await t.rejects(model.open(text, { retriever: wrong as unknown as Retriever }), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /^retriever must be an object with the functions index and search, got /,
    })
})

t.test('an abort does not wait for a retriever that does not listen', async (t) => {
  const never = () => new Promise<never>(() => {})
  const model = await loadModelWith(new FakeBinding(), 'fake.gguf')
  t.teardown(() => model.close())
  const opening = new AbortController()
  const opened = model.open(text, { retriever: retriever({ index: never }), signal: opening.signal })
  await sleep(20)
  opening.abort(new Error('enough'))
  await t.rejects(opened, { message: 'enough' })

  let heard: unknown
  const search = (_query: string, _k: number, signal: AbortSignal) => {
    signal.addEventListener('abort', () => {
      heard = signal.reason
    })
    return never()
  }
  const doc = await model.open(text, { retriever: retriever({ search }) })
  const answer = doc.ask(question, ask)
  await sleep(20)
  answer.cancel(new Error('stopped'))
  await t.rejects(answer, { message: 'stopped' })
  t.match(heard, { message: 'stopped' }, 'its signal aborts')
  const closing = doc.ask(question, ask)
  await sleep(5)
  await doc.close()
  await t.rejects(closing, { code: 'ERR_CLOSED' }, 'closing does not wait either')
})

t.test('a failure after an abort is no unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  const late = () => sleep(20).then(() => Promise.reject(new Error('late')))
  const { doc } = await setup(t, { open: { retriever: retriever({ search: late }) } })
  const answer = doc.ask(question, ask)
  await sleep(1)
  answer.cancel()
  await t.rejects(answer, { name: 'AbortError' })
  await sleep(50)
  t.same(unhandled, [])
})

t.test('the event loop turns while a slow retriever works', async (t) => {
  const slow = () => sleep(100)
  const model = await loadModelWith(new FakeBinding(), 'fake.gguf')
  t.teardown(() => model.close())
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  await model.open(text, { retriever: retriever({ index: slow }) })
  clearInterval(timer)
  t.ok(turns >= 5, `${turns} turns`)
})
