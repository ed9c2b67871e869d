/** The sessions over the addon: a constructed model that copies what followed its question, on a document of some thousand tokens. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import { ensureDemoModel } from '../../../lib/demo'
import { demoBook, hideSentence } from '../../../lib/demo/book'
import { inspectModel, loadModel, type Progress } from '../../../lib/index'

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-session-'))
t.teardown(() => fs.rmSync(directory, { recursive: true }))

const { needle, question, answer } = demoBook()
const book = demoBook().text.replace(`${needle.text}\n\n`, '').slice(0, 10_000) // about 3,000 tokens
const { text, needle: place } = hideSentence(book, needle.text, 0.5)
const stop = '\n\n'

async function openModel(onProgress?: (progress: Progress) => void) {
  return loadModel(await ensureDemoModel({ directory }), { threads: 2, onProgress })
}

t.test('the answer is exact in every mode, and its citation points at the sentence', async (t) => {
  await using model = await openModel()
  await using doc = await model.open(text)
  for (const mode of ['plain', 'rag', 'lossless', 'exact', 'paper'] as const) {
    const result = await doc.ask(question, { mode, stop })
    t.equal(result.text, answer, mode)
    t.equal(result.citations.length, 1)
    const { start, end } = result.citations[0]!
    t.equal(text.slice(start, end), answer.trim())
    t.ok(start > place.start && end === place.end)
    t.equal(result.stats.promptTokens > doc.documentTokens, mode !== 'rag')
  }
})

t.test('lossless answers do not depend on the draft length or on what the drafter read', async (t) => {
  await using model = await openModel()
  await using doc = await model.open(text, { chunkTokens: 128 })
  const plain = await doc.ask(question, { mode: 'plain', maxTokens: 60 })
  for (const draftLength of [0, 1, 5, 16, 'auto'] as const) {
    const { text, stats } = await doc.ask(question, { draftLength, maxTokens: 60 })
    t.equal(text, plain.text, `${draftLength}`)
    if (draftLength === 5) t.ok(stats.accepted > 0 && stats.acceptedByPosition.length <= 5)
  }
  const unquoted = await doc.ask(question, { ngram: false, maxTokens: 60 })
  t.equal(unquoted.text, plain.text, 'without n-grams')
  t.equal(unquoted.stats.speculation.ngramProposed, 0)
  const wrong = doc.chunks.findIndex((chunk) => chunk.end <= place.start)
  const misled = await doc.ask(question, { chunks: [wrong], maxTokens: 60, draftLength: 4 })
  t.equal(misled.text, plain.text, 'wrong chunks')
})

t.test('statistics tell what was chosen; what a question measured the next one knows', async (t) => {
  await using model = await openModel()
  await using doc = await model.open(text)
  const first = (await doc.ask(question, { maxTokens: 150, ngram: false })).stats // long enough to try what may cost a whole step
  const { roundsOff, roundsModel, roundsCascade, roundsNgram, ngramProposed, ngramAccepted, estimates } = first.speculation
  t.equal(roundsOff + roundsModel + roundsCascade + roundsNgram, first.rounds)
  t.equal(first.speculation.roundsOnDevice, 0, 'on the CPU')
  t.ok(ngramAccepted <= ngramProposed)
  t.ok(first.speculation.verifyMs > 0 && estimates.verifyMs.length === 17 && estimates.verifyMs[0]! > 0)
  t.ok(estimates.draftStepMs > 0 && estimates.acceptance > 0 && estimates.acceptance <= 1)
  const short = async (mode: 'lossless' | 'exact') => (await doc.ask(question, { mode, maxTokens: 1 })).stats.speculation
  // One token leaves no room for a draft: the cost of a drafter's step is known from the first question.
  t.ok((await short('lossless')).estimates.draftStepMs > 0)
  t.not((await short('exact')).estimates.draftStepMs, estimates.draftStepMs, 'each mode learns for itself')
})

t.test('a second model as drafter leaves lossless answers plain, whoever drafts; a fixed length has its prompt read first', async (t) => {
  await using model = await openModel()
  await using second = await openModel()
  await using doc = await model.open(text, { drafter: second })
  const plain = await doc.ask(question, { mode: 'plain', maxTokens: 150 })
  for (let asked = 0; asked < 3; asked++) {
    const { text, stats } = await doc.ask(question, { maxTokens: 150, ngram: asked > 1 })
    t.equal(text, plain.text)
    const { drafters, roundsModel, roundsCascade, readTokens } = stats.speculation
    t.same(
      drafters.map(({ kind }) => kind),
      ['self', 'model'],
    )
    t.equal(drafters[0]!.rounds + drafters[1]!.rounds, roundsModel + roundsCascade)
    t.ok(readTokens > 0 || drafters[1]!.rounds === 0, 'no draft of one that has read nothing')
  }
  const fixed = await doc.ask(question, { draftLength: 3, maxTokens: 60 })
  t.equal(fixed.text, plain.text.slice(0, fixed.text.length))
  t.match(fixed.stats.speculation.drafters, [{ kind: 'model', cache: 'own' }])
  t.ok(fixed.stats.accepted > 0)
})

t.test('questions at the same time get the answers that they get alone', async (t) => {
  await using model = await openModel()
  await using doc = await model.open(text)
  const words = book.split(/\s+/)
  const questions = [question, words.slice(300, 309).join(' '), words.slice(900, 909).join(' ')]
  const alone = []
  for (const q of questions) alone.push((await doc.ask(q, { maxTokens: 24 })).text)
  const together = await Promise.all(questions.map((q) => doc.ask(q, { maxTokens: 24 })))
  t.same(
    together.map(({ text }) => text),
    alone,
  )
})

const reason = new Error('changed my mind')

t.test('an abort is heard in every phase, and what comes after it works', async (t) => {
  const seen = new Set<string>()
  const abortAt = (phase: Progress['phase']) => {
    const controller = new AbortController()
    const onProgress = (progress: Progress) => {
      if (progress.phase !== phase) return
      seen.add(phase)
      controller.abort(reason)
    }
    return { signal: controller.signal, onProgress }
  }
  const file = await ensureDemoModel({ directory })
  await t.rejects(loadModel(file, abortAt('load')), reason)
  await using model = await openModel()
  for (const phase of ['tokenize', 'index', 'prefill-target'] as const) await t.rejects(model.open(text, abortAt(phase)), reason)
  await using doc = await model.open(text)
  for (const phase of ['prefill-target', 'prefill-drafter'] as const)
    await t.rejects(Promise.resolve(doc.ask(question, { mode: 'exact', ...abortAt(phase) })), reason)
  const controller = new AbortController()
  const running = doc.ask(question, { signal: controller.signal, maxTokens: 1000 })
  const loop = async () => {
    for await (const _ of running) controller.abort(reason)
  }
  await t.rejects(loop(), reason)
  t.equal((await doc.ask(question, { stop })).text, answer)
  t.same([...seen], ['load', 'tokenize', 'index', 'prefill-target', 'prefill-drafter'])
})

t.test('closing the model ends what runs with ERR_CLOSED', async (t) => {
  const model = await openModel()
  const doc = await model.open(text)
  const reading = model.open(text)
  const answers = [doc.ask(question, { maxTokens: 1000 }), doc.ask(question, { mode: 'plain', maxTokens: 1000 })]
  const rejections = [reading, ...answers].map((running) => t.rejects(Promise.resolve(running), { code: 'ERR_CLOSED' }))
  await new Promise((resolve) => setTimeout(resolve, 30))
  await model.close()
  await Promise.all(rejections)
  t.ok(doc.closed)
})

t.test('a document longer than the context, and files that are no models, are typed errors', async (t) => {
  await using model = await openModel()
  await t.rejects(model.open(text, { contextTokens: 2048 }), { code: 'ERR_CONTEXT_OVERFLOW', details: { contextTokens: 2048 } })
  const noModel = path.join(directory, 'no-model.gguf')
  fs.writeFileSync(noModel, 'GGUF?')
  await t.rejects(loadModel(noModel), { name: 'RagdraftError', code: 'ERR_INVALID_MODEL' })
  await t.rejects(inspectModel(noModel), { name: 'RagdraftError', code: 'ERR_INVALID_MODEL' })
  await t.rejects(loadModel(path.join(directory, 'absent.gguf')), { name: 'RagdraftError', code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(loadModel(await ensureDemoModel({ directory }), { isa: 'mmx' }), { code: 'ERR_INVALID_ARGUMENT' })
})

t.test('model.info tells shape, number types, tokenizer and backend', async (t) => {
  await using model = await openModel()
  t.match(model.info, {
    architecture: 'llama',
    layers: 2,
    vocab: 4096,
    device: 'cpu',
    threads: 2,
    tokenizer: { model: 'gpt2', tokens: 4096 },
  })
  t.match(model.info.backend, /^cpu\//)
  t.match(model.info.kv, model.info.backend === 'cpu/amx' ? 'bf16' : /^b?f16$/)
  t.equal(typeof model.info.deviceReason, 'string')
  const description = await inspectModel(model.info.path)
  t.equal(description.contextLength, model.info.contextLength)
  t.equal(description.headDim, model.info.headDim)
})
