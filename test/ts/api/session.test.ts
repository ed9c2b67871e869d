/** Questions and answers: which prompts reach which model, and what comes back. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import { ask, decode, filler, needle, question, setup, text } from '../../helpers/session'

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

t.test(
  'with a second model lossless begins at once: its prompt waits in the request, and the model drafts in its own cache meanwhile',
  async (t) => {
    const { doc, model, binding } = await setup(t)
    const small = await loadModelWith(binding, 'fake.gguf')
    const pair = await model.open(text, { chunkTokens: 128, drafter: small })
    const before = binding.prefilled.length
    const phases = new Set<string>()
    const { stats } = await pair.ask(question, { ...ask, onProgress: ({ phase }) => phases.add(phase) })
    const request = binding.requests[0]!
    t.equal(binding.prefilled.length, before + 1, 'the question alone is read')
    t.same([...phases], ['prefill-target'])
    const prompt = decode([...request.draftPending])
    t.ok(prompt.includes(needle) && prompt.endsWith(question), 'the whole prompt')
    t.equal(request.selfDrafter!.precision, 'draft')
    t.same(stats.drafter, { kind: 'model', cache: 'own' }, 'the one that drafted most')
    t.equal(stats.draftPromptTokens, request.draftPending.length)
    t.match(stats.speculation.drafters, [
      { kind: 'self-q4', cache: 'shared', rounds: 0 },
      { kind: 'model', cache: 'own', rounds: stats.rounds, accepted: stats.accepted },
    ])
    t.equal(stats.speculation.readTokens, request.draftPending.length)

    // A fixed length is an order, and `exact` needs what the drafter says: there its prompt comes first, and it drafts alone.
    for (const options of [{ draftLength: 4 }, { mode: 'exact' }] as const) {
      const { speculation } = (await pair.ask(question, { ...ask, ...options })).stats
      const { selfDrafter, draftPending } = binding.requests.at(-1)!
      t.ok(selfDrafter === null && draftPending.length === 1)
      t.match(speculation.drafters, [{ kind: 'model', cache: 'own' }])
      t.equal(speculation.drafters.length, 1)
    }
    t.same((await doc.ask(question, { ...ask, mode: 'plain' })).stats.speculation.drafters, [])
    await small.close()
  },
)

t.test('in lossless the model drafts in its own cache: of the document it reads the pages of the chunks, and no prompt', async (t) => {
  const { doc, binding } = await setup(t)
  const { stats, chunks } = await doc.ask(question, { ...ask, maxChunks: 1 })
  const request = binding.requests[0]!
  t.equal(request.draftModel, null)
  t.equal(request.draftPending.length, 0)
  t.same(stats.drafter, { kind: 'self-q4', cache: 'shared' })
  t.equal(request.selfDrafter!.precision, 'draft')
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
    t.same([...binding.requests.at(-1)!.selfDrafter!.ranges], [0, doc.promptTokens - (doc.promptTokens % 64)])
  }
})

t.test('neighbouring chunks are read as one range; the last one reaches into the tail', async (t) => {
  const { doc, binding } = await setup(t)
  const last = doc.chunks.length - 1
  await doc.ask(question, { ...ask, chunks: [5, 6, last] })
  const { ranges, tail } = binding.requests[0]!.selfDrafter!
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

t.test('kv: auto, the default, is what the machine prefers, in all caches; doc.kv tells', async (t) => {
  for (const preferred of ['f16', 'bf16'] as const) {
    const { model, binding, doc } = await setup(t, { preferredKv: preferred })
    t.equal(model.info.kv, preferred)
    for (const [kv, expected] of [
      [undefined, preferred],
      ['auto', preferred],
      ['f16', 'f16'],
      ['q8', 'q8'],
    ] as const) {
      const other = await model.open(text, { kv })
      t.equal(other.kv, expected)
      await other.ask(question, { ...ask, mode: 'exact' })
      t.match(binding.requests.at(-1), { target: { kv: expected }, draftModel: { kv: expected } })
    }
    t.equal(doc.kv, preferred)
  }
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

t.test('completed answers are published on the diagnostics channel ragdraft:answer', async (t) => {
  const { doc } = await setup(t)
  const seen: unknown[] = []
  const listen = (message: unknown) => seen.push(message)
  subscribe('ragdraft:answer', listen)
  const { stats } = await doc.ask(question, ask)
  unsubscribe('ragdraft:answer', listen)
  t.same(seen, [{ finishReason: 'stop-string', stats }])
})
