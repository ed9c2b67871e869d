import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { RagdraftError } from '../../lib/errors'
import type { AskOptions, OpenOptions, Progress } from '../../lib/options'
import { inspectModelWith } from '../../lib/session/describe'
import { loadModelWith } from '../../lib/session/load-model'
import { FakeBinding, fakeContents, nativeError } from './helpers/fake-binding'

const filler = Array.from({ length: 60 }, (_, i) => `Paragraph ${i} talks of wind number ${i * i} and the harbour at dawn.\n\n`)
const needle = 'The keeper of the northern lighthouse hid the brass key under the seventh stair.'
const text = `${filler.slice(0, 30).join('')}${needle}\n\n${filler.slice(30).join('')}`
const question = 'The keeper of the northern lighthouse hid'
const ask: AskOptions = { stop: '\n\n' }

async function setup(t: Test, { files = { 'fake.gguf': fakeContents() }, open = {} as OpenOptions } = {}) {
  const binding = new FakeBinding(files)
  const model = await loadModelWith(binding, 'fake.gguf')
  const doc = await model.open(text, { chunkTokens: 128, ...open })
  t.teardown(async () => {
    await model.close()
    // Every test shares this: closing the model leaves nothing behind.
    if (binding.sequences.size + binding.models.size > 0) throw new Error('a handle is left')
  })
  return { binding, model, doc }
}

const decode = (tokens: number[] | null | undefined) => Buffer.from(byteText(tokens ?? [])).toString()

/** The fake's tokens are bytes in the order of byteTokens(): printable ones first. */
function byteText(tokens: number[]): number[] {
  const printable: number[] = []
  for (const [first, last] of [
    [0x21, 0x7e],
    [0xa1, 0xac],
    [0xae, 0xff],
  ] as const)
    for (let byte = first; byte <= last; byte++) printable.push(byte)
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable.includes(byte))
  return tokens.filter((id) => id < 256).map((id) => printable[id] ?? others[id - printable.length]!)
}

t.test('a question is answered from the document, with citation, chunks and statistics', async (t) => {
  const { doc, binding } = await setup(t)
  const { text: answer, citations, chunks, finishReason, stats } = await doc.ask(question, ask)
  t.equal(answer, needle.slice(question.length))
  t.equal(finishReason, 'stop-string')
  const start = text.indexOf(needle) + question.length + 1
  t.same(citations, [{ start, end: text.indexOf(needle) + needle.length, text: answer.trim() }])
  t.ok(
    chunks.some((chunk) => chunk.start <= start && start < chunk.end && chunk.score > 0),
    'the chunk of the needle is among those used',
  )
  t.same(
    chunks.map(({ start }) => start),
    chunks.map(({ start }) => start).sort((a, b) => a - b),
    'chunks are in document order',
  )
  t.equal(stats.mode, 'lossless')
  t.equal(stats.promptTokens, binding.prompts[0]!.target!.length)
  t.equal(stats.draftPromptTokens, binding.prompts[0]!.drafter!.length)
  t.equal(stats.decodeTokens, Math.ceil((answer.length + 2) / 3) * 3)
  t.same(stats.acceptedByPosition, [1, 1, 1], 'as long as the longest draft')
  t.ok(stats.prefillMs >= 0 && stats.timeToFirstTokenMs >= stats.prefillMs && stats.decodeTokensPerSecond > 0)
  t.ok(stats.rounds > 0 && stats.drafted > 0 && stats.accepted > 0)
  t.match(stats.speculation, { roundsOff: 0, roundsModel: stats.rounds, meanDraftLength: stats.drafted / stats.rounds })
  t.equal(stats.speculation.estimates.verifyMs.length, 17)
})

t.test('target and drafter get their own prompts: the whole document and the chunks', async (t) => {
  const { doc, binding } = await setup(t)
  await doc.ask(question, { ...ask, mode: 'exact', maxChunks: 1 })
  const target = decode(binding.prompts[0]!.target)
  const drafter = decode(binding.prompts[0]!.drafter)
  t.ok(target.includes(text) && target.endsWith(question))
  t.ok(drafter.includes(needle) && drafter.endsWith(question))
  t.notOk(drafter.includes('Paragraph 0 '), 'the drafter sees nothing else')
})

t.test('in lossless the model drafts in its own cache: of the document it reads the pages of the chunks, and no prompt', async (t) => {
  const { doc, binding } = await setup(t)
  const { stats, chunks } = await doc.ask(question, { ...ask, maxChunks: 1 })
  const request = binding.requests[0]!
  t.equal(request.drafter, null)
  t.equal(request.drafterPending.length, 0)
  t.same(stats.drafter, { kind: 'self-q4', cache: 'shared' })
  t.equal(request.shared!.precision, 'draft')
  const read = decode(binding.prompts[0]!.drafter)
  const chunk = doc.text.slice(chunks[0]!.start, chunks[0]!.end)
  t.ok(chunk.includes(needle) && read.includes(chunk), 'the chunk')
  t.equal(read.slice(0, 40), decode(binding.prompts[0]!.target).slice(0, 40), 'the beginning of the prompt')
  t.ok(read.endsWith(question), 'the question')
  // Whole pages of 64 tokens, which are bytes here: the first one, the chunk's, the prefix's last.
  t.ok(read.length < chunk.length + question.length + 5 * 64, `${read.length} characters, of them the chunk's ${chunk.length}`)
  t.equal(stats.draftPromptTokens, binding.prompts[0]!.drafter!.length)
  t.same([...request.ngramSource], binding.prompts[0]!.drafter, 'the answer may quote what the drafter reads')
  t.same(binding.prefilled, [doc.promptTokens, stats.promptTokens - 1 - doc.promptTokens], 'nothing was read for the drafter')
})

t.test('a selection of most of the document becomes the whole document', async (t) => {
  const { doc, binding } = await setup(t)
  const most = doc.chunks.slice(0, Math.ceil(0.8 * doc.chunks.length)).map(({ index }) => index)
  for (const chunks of [doc.chunks.map(({ index }) => index), most]) {
    await doc.ask(question, { ...ask, chunks })
    t.same(binding.prompts.at(-1)!.drafter, binding.prompts.at(-1)!.target)
    t.same([...binding.requests.at(-1)!.shared!.ranges], [0, doc.promptTokens - (doc.promptTokens % 64)])
  }
})

t.test('neighbouring chunks are read as one range; the last one reaches into the tail', async (t) => {
  const { doc, binding } = await setup(t)
  const last = doc.chunks.length - 1
  await doc.ask(question, { ...ask, chunks: [5, 6, last] })
  const { ranges, tail } = binding.requests[0]!.shared!
  t.equal(ranges.length, 6, 'the beginning, two chunks, the last chunk')
  t.equal(ranges[5], tail)
  t.equal(tail % 64, 0)
  t.ok(decode(binding.prompts[0]!.drafter).includes(text.slice(doc.chunks[5]!.start, doc.chunks[6]!.end)))
})

t.test('streamed text is the result text', async (t) => {
  const { doc } = await setup(t)
  const answer = doc.ask(question, ask)
  let streamed = ''
  for await (const delta of answer) streamed += delta
  t.equal(streamed, (await answer).text)
})

t.test('the document is prefilled once, however many questions follow', async (t) => {
  const { doc, binding } = await setup(t)
  const { prefilled } = binding
  t.same(prefilled, [doc.promptTokens])
  await doc.ask(question, { ...ask, mode: 'plain' })
  await doc.ask(question, { ...ask, mode: 'plain' })
  t.ok(
    prefilled.slice(1).every((tokens) => tokens < 100),
    `only suffixes: ${prefilled.slice(1)}`,
  )
})

t.test('questions run at the same time', async (t) => {
  const { doc } = await setup(t)
  const others = filler.slice(0, 4).map((line) => line.slice(0, line.indexOf(' the harbour')))
  const answers = await Promise.all([question, ...others].map((q) => doc.ask(q, ask)))
  t.equal(answers[0]!.text, needle.slice(question.length))
  for (const { text } of answers.slice(1)) t.equal(text, ' the harbour at dawn.')
})

t.test('each mode uses the models that it needs', async (t) => {
  const { doc, binding } = await setup(t)
  for (const mode of ['plain', 'rag', 'lossless', 'exact', 'paper'] as const) {
    const { stats, chunks, text } = await doc.ask(question, { ...ask, mode })
    const prompt = binding.prompts.at(-1)!
    t.equal(text, needle.slice(question.length), mode)
    t.equal(prompt.target === null, mode === 'rag', `${mode}: target`)
    t.equal(prompt.drafter === null, mode === 'plain', `${mode}: drafter`)
    t.equal(stats.promptTokens > 0, mode !== 'rag')
    t.equal(stats.draftPromptTokens > 0, mode !== 'plain')
    t.equal(chunks.length > 0, mode !== 'plain')
  }
})

t.test('with retrievalOnly only the drafter works, on a document of any length', async (t) => {
  const { model, binding, doc } = await setup(t)
  const before = binding.prefilled.length
  const other = await model.open(text, { retrievalOnly: true, contextTokens: 1000, chunkTokens: 128 })
  t.equal(binding.prefilled.length, before, 'nothing was prefilled')
  t.match(other, { promptTokens: 0, kvBytes: 0, prefillMs: 0, contextTokens: 1000, documentTokens: doc.documentTokens })
  t.ok(doc.documentTokens > 1000)
  const { text: answer, stats } = await other.ask(question, ask)
  t.equal(answer, needle.slice(question.length))
  t.match(stats, { mode: 'rag', promptTokens: 0 })
  t.ok(stats.draftPromptTokens <= 1000 - 256, `contextTokens are the drafter's: ${stats.draftPromptTokens}`)
  const unbounded = await model.open(text, { retrievalOnly: true, chunkTokens: 128 })
  t.equal(unbounded.contextTokens, 65_536)
  t.ok((await unbounded.ask(question, ask)).stats.draftPromptTokens > 1000)
  await t.rejects(Promise.resolve(other.ask(question, { mode: 'lossless' })), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /^mode must be "rag"/,
  })
  await other.close()
})

t.test('options reach the native request', async (t) => {
  const { doc, binding } = await setup(t, { open: { kv: 'bf16' } })
  await doc.ask(question, {
    mode: 'exact',
    transfer: 20,
    draftLength: 4,
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.05,
    seed: 42,
    maxTokens: 9,
  })
  t.match(binding.requests[0], {
    mode: 'exact',
    transfer: 20,
    plausibility: 0.1,
    transferTemperature: 1,
    draftLength: 4,
    maxDraftLength: 16,
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.05,
    repetitionPenalty: 1,
    repetitionWindow: 64,
    seed: 42n,
    maxTokens: 9,
    validTokens: 258,
  })
  t.same([...binding.requests[0]!.stopTokens].includes(257), true)
  await doc.ask(question, ask)
  t.equal(binding.requests[1]!.draftLength, -1, 'auto')
  t.equal(binding.requests[1]!.ngram, true)
  t.same([...binding.requests[1]!.ngramSource], binding.prompts[1]!.drafter, 'the drafter may quote its whole prompt')
  await doc.ask(question, { ...ask, ngram: false })
  t.equal(binding.requests[2]!.ngram, false)
})

t.test('explicit chunks replace retrieval, and a wrong choice does not change the target', async (t) => {
  const { doc } = await setup(t)
  const { chunks, text: answer } = await doc.ask(question, { ...ask, chunks: [2, 0, 2] })
  t.same(
    chunks,
    [0, 2].map((i) => ({ start: doc.chunks[i]!.start, end: doc.chunks[i]!.end, score: 0 })),
  )
  t.equal(answer, needle.slice(question.length))
})

t.test('history is part of both prompts', async (t) => {
  const { doc, binding } = await setup(t)
  await doc.ask(question, { ...ask, history: [{ question: 'What came before?', answer: 'Nothing much.' }] })
  for (const prompt of [binding.prompts[0]!.target, binding.prompts[0]!.drafter]) {
    t.match(decode(prompt), /What came before\?[\s\S]*Nothing much\.[\s\S]*northern lighthouse hid$/)
  }
})

t.test('maxTokens and a full context end an answer with their reasons', async (t) => {
  const { doc, model } = await setup(t)
  t.equal((await doc.ask(question, { maxTokens: 6 })).finishReason, 'length')
  t.equal((await doc.ask(question, { maxTokens: 6 })).text, needle.slice(question.length, question.length + 6))
  const tight = await model.open(text, { contextTokens: doc.promptTokens + question.length + 12, chunkTokens: 128 })
  t.equal((await tight.ask(question)).finishReason, 'context')
})

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

t.test('device: cuda is refused with the reason, auto says why it is the CPU', async (t) => {
  const binding = new FakeBinding()
  await t.rejects(loadModelWith(binding, 'fake.gguf', { device: 'cuda' }), {
    code: 'ERR_DEVICE_UNAVAILABLE',
    message: /no NVIDIA driver here/,
  })
  t.same(binding.loads, [], 'nothing was loaded')
  const auto = await loadModelWith(binding, 'fake.gguf', { threads: 3, isa: 'fake' })
  t.match(auto.info, { device: 'cpu', deviceReason: 'cuda: no NVIDIA driver here', backend: 'cpu/fake', contextLength: 65_536 })
  t.same(binding.loads, [{ path: 'fake.gguf', threads: 3, isa: 'fake', draftCopy: false }])
  const cpu = await loadModelWith(binding, 'fake.gguf', { device: 'cpu' })
  t.equal(cpu.info.deviceReason, undefined)
  await Promise.all([auto.close(), cpu.close()])
})

t.test('inspectModel describes a file without loading it', async (t) => {
  const binding = new FakeBinding({ 'm.gguf': fakeContents({ metadata: { 'tokenizer.chat_template': '{{ messages }}' } }) })
  t.match(await inspectModelWith(binding, 'm.gguf'), {
    path: 'm.gguf',
    fileBytes: 123_456,
    ggufVersion: 3,
    name: 'Fake',
    architecture: 'llama',
    parameters: 64 * 258 + 64,
    layers: 2,
    embedding: 64,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    feedForward: 128,
    vocab: 258,
    contextLength: 65_536,
    rope: { theta: 500_000, scaling: { type: 'llama3' } },
    quantization: [
      { type: 'Q4_K', tensors: 1 },
      { type: 'F32', tensors: 2, bytes: 288 },
    ],
    tokenizer: { model: 'gpt2', pre: 'llama-bpe', tokens: 258, special: { bos: { id: 256, text: '<|begin_of_text|>' } } },
    chatTemplate: '{{ messages }}',
  })
  t.same(binding.loads, [])
  await t.rejects(inspectModelWith(binding, 'm.gguf', { signal: AbortSignal.abort(reason) }), reason)
})

t.test('a file that says little is described as far as it goes', async (t) => {
  const empty = { version: 2, fileBytes: 1, metadata: {}, tensors: [] }
  t.match(await inspectModelWith(new FakeBinding({ 'm.gguf': empty }), 'm.gguf'), {
    architecture: '',
    layers: 0,
    headDim: 0,
    quantization: [],
    chatTemplate: undefined,
  })
})

t.test('completed answers are published on the diagnostics channel ragdraft:answer', async (t) => {
  const { doc } = await setup(t)
  const seen: unknown[] = []
  const listen = (message: unknown) => seen.push(message)
  subscribe('ragdraft:answer', listen)
  const { stats } = await doc.ask(question, ask)
  unsubscribe('ragdraft:answer', listen)
  t.same(seen, [{ finishReason: 'stop-string', stats }])
})
