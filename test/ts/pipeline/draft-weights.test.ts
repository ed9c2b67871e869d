/** Which weights draft: over a binding without native code, whose model has 8-bit matrices or none. */
import t, { type Test } from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { OpenOptions } from '../../../lib/api/model'
import type { AskOptions } from '../../../lib/options/ask'
import type { DraftWeights } from '../../../lib/options/open'
import { FakeBinding } from '../../helpers/fake-binding'

const text = 'The keeper of the northern lighthouse hid the brass key under the seventh stair.\n\nNothing else is said of it.'
const question = 'The keeper of the northern lighthouse hid'

async function setup(t: Test, { draftWeightBytes = 530, draftCopy = false } = {}) {
  const binding = new FakeBinding()
  binding.draftWeightBytes = draftWeightBytes
  const model = await loadModelWith(binding, 'fake.gguf', { draftCopy })
  t.teardown(() => model.close())
  /** Asks once; what the sequences were made for, and what the statistics say. */
  const run = async (open: OpenOptions, ask: AskOptions = {}) => {
    const doc = await model.open(text, open)
    const { stats } = await doc.ask(question, { maxTokens: 8, ...ask })
    const { target, draftModel, selfDrafter } = binding.requests.at(-1)!
    await doc.close()
    t.equal(stats.drafter.cache, draftModel && target ? 'own' : selfDrafter ? 'shared' : 'none')
    return [
      stats.drafter.kind,
      target && (target as { precision?: string }).precision,
      draftModel ? (draftModel as { precision?: string }).precision : (selfDrafter?.precision ?? null),
    ]
  }
  return { binding, model, run }
}

t.test('a model with 8-bit matrices drafts by their upper half, unless told to use all', async (t) => {
  const { model, run } = await setup(t)
  t.match(model.info, { weightBytes: 1000, draftWeightBytes: 530 })
  const q4 = ['self-q4', 'full', 'draft']
  const full = ['self', 'full', 'full']
  t.same(await run({}, { mode: 'lossless' }), q4, 'the target is read in full')
  t.same(await run({ draftWeights: 'full' }, { mode: 'lossless' }), full)
  for (const mode of ['exact', 'paper'] as const) {
    t.same(await run({}, { mode }), full, `${mode}: what shapes the answer is not rounded unasked`)
    t.same(await run({ draftWeights: 'q4' }, { mode }), q4)
  }
  t.same(await run({ draftWeights: 'q4' }), q4)
  t.same(await run({ drafter: model }), q4, 'itself, named as drafter')
  t.same(await run({}, { draftWeights: 'full' }), full, 'the question decides')
  t.same(await run({ draftWeights: 'full' }, { draftWeights: 'auto' }), q4)
  t.same(await run({ draftWeights: 'full' }, { draftWeights: 'q4' }), q4)
})

t.test('a model without 8-bit matrices drafts by all of its weights, and refuses "q4"', async (t) => {
  const { model, binding, run } = await setup(t, { draftWeightBytes: 1000 })
  t.same(await run({}), ['self', 'full', 'full'])
  t.same(await run({ draftWeights: 'full' }), ['self', 'full', 'full'])
  const refusal = {
    code: 'ERR_INVALID_ARGUMENT',
    message: 'draftWeights must not be "q4" for this model: it has no 8-bit (Q8_0) matrices, and was loaded without draftCopy',
    details: { argument: 'draftWeights' },
  }
  const before = binding.prefilled.length
  await t.rejects(model.open(text, { draftWeights: 'q4' }), refusal)
  t.equal(binding.prefilled.length, before, 'before the document is read')
  await t.rejects(run({}, { draftWeights: 'q4' }), refusal)
})

t.test('a model without 8-bit matrices drafts by its copies, if it was loaded with them', async (t) => {
  const { model, run } = await setup(t, { draftWeightBytes: 1000, draftCopy: true })
  t.match(model.info, { weightBytes: 1000, draftWeightBytes: 280, draftCopyBytes: 280 })
  t.same(await run({}), ['self-q4', 'full', 'draft'])
  t.same(await run({}, { draftWeights: 'full' }), ['self', 'full', 'full'])
  t.same(await run({}, { mode: 'exact' }), ['self', 'full', 'full'])
  t.same(await run({}, { mode: 'exact', draftWeights: 'q4' }), ['self-q4', 'full', 'draft'])
  t.match((await setup(t)).model.info, { draftCopyBytes: 0 }, 'which is not the default')
})

t.test('a model with few 8-bit matrices drafts by all of its weights, unless told otherwise', async (t) => {
  const { run } = await setup(t, { draftWeightBytes: 950 })
  t.same(await run({}), ['self', 'full', 'full'])
  t.same(await run({ draftWeights: 'q4' }), ['self-q4', 'full', 'draft'])
})

t.test('another model drafts by all of its weights, and "q4" beside it is refused', async (t) => {
  const { model, binding, run } = await setup(t)
  const drafter = await loadModelWith(binding, 'fake.gguf')
  t.teardown(() => drafter.close())
  for (const draftWeights of ['auto', 'full', undefined] satisfies (DraftWeights | undefined)[])
    t.same(await run({ drafter, draftWeights }), ['model', 'full', 'full'])
  const refusal = { code: 'ERR_INVALID_ARGUMENT', message: /^draftWeights must not be "q4" together with a drafter/ }
  await t.rejects(model.open(text, { drafter, draftWeights: 'q4' }), refusal)
  await t.rejects(run({ drafter }, { draftWeights: 'q4' }), refusal)
})

t.test('where nobody drafts, nothing is read by halves: rag answers come from full weights', async (t) => {
  const { run } = await setup(t)
  t.same(await run({}, { mode: 'plain' }), ['none', 'full', null])
  t.same(await run({}, { mode: 'rag' }), ['none', null, 'full'])
  t.same(await run({ retrievalOnly: true, draftWeights: 'q4' }), ['none', null, 'full'])
})
