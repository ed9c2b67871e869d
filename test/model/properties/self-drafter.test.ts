/** A model that drafts in its own cache, by part of its pages: nothing of it shows in what the target says, or in the cache. */
import t from 'tap'
import type { NativeModel, NativeSequence, SelfDrafter } from '../../../lib/runtime/binding'
import { randomModel, tiny } from '../../helpers/models'
import { generate, loadModel, prefill, randomTokens } from '../../helpers/native'
import { choose, combinations } from '../../helpers/tier'

const prompt = randomTokens(700, tiny.vocab, 3)
const maxTokens = 80 // over the edge of a page, with drafts on both sides
const targetPending = Int32Array.of(prompt.at(-1)!)
const file = () => randomModel('self-drafter', { ...tiny, dtypes: { default: 'Q8_0' } })

async function primed(model: NativeModel, tokens: readonly number[], kv: 'f16' | 'bf16' | 'f32' | 'q8' = 'f16'): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: prompt.length + 200, kv })
  await prefill(sequence, tokens)
  return sequence
}

const select = (precision: 'full' | 'draft', tail: number, ...ranges: number[]): SelfDrafter => ({
  precision,
  ranges: Int32Array.from(ranges),
  tail,
})

/** Sensible, wrong, empty, and all of it in two ways. */
const selections = (precision: 'full' | 'draft') => [
  select(precision, 690, 0, 64, 300, 420),
  select(precision, 699, 65, 66),
  select(precision, 640),
  select(precision, 699, 0, 699),
  select(precision, 0),
]

t.test(
  'lossless greedy is plain greedy for every selection, length, precision and KV type; the cache equals a fresh prefill',
  async (t) => {
    const model = await loadModel(await file())
    for (const kv of ['f16', 'bf16', 'f32', 'q8'] as const) {
      const base = await primed(model, prompt.slice(0, -1), kv)
      const before = base.fingerprint()
      const plain = await generate({ mode: 'plain', target: base.fork(), targetPending, maxTokens })
      t.ok(new Set(plain.tokens).size > 3, 'the text is not one token over and over')
      const fresh = await primed(model, [...prompt, ...plain.tokens.slice(0, -1)], kv)
      let [drafted, rejected] = [0, 0]
      const kinds = [...selections('full'), ...selections('draft')]
      const lengths = kv === 'f16' ? choose([0, 1, 3, 16, -1], [0, 1, 2, 3, 7, 16, -1]) : [3, -1]
      for (const [selfDrafter, draftLength, ngram] of combinations(kinds, lengths, [false, true])) {
        const target = base.fork()
        const { tokens, stats } = await generate({
          mode: 'lossless',
          target,
          targetPending,
          selfDrafter,
          draftLength,
          maxTokens,
          ngram,
          ngramSource: Int32Array.from([...plain.tokens.slice(0, 40), ...prompt]),
        })
        const what = `${kv}, ${selfDrafter.precision}, [${selfDrafter.ranges}] and from ${selfDrafter.tail}, length ${draftLength}, n-grams ${ngram}`
        t.same(tokens, plain.tokens, what)
        t.equal(target.length, fresh.length, what)
        t.equal(target.fingerprint(), fresh.fingerprint(), `${what}: cache`)
        drafted += stats.drafted
        rejected += stats.drafted - stats.accepted
        target.close()
      }
      t.ok(rejected > 100 && drafted - rejected > 100, `${kv}: ${rejected} of ${drafted} drafts were rejected`)
      t.equal(base.fingerprint(), before, 'the sequence that was forked is untouched')
      for (const sequence of [base, fresh]) sequence.close()
    }
    model.close()
  },
)

t.test('with all pages and all bits it is the target: every draft is accepted, greedy', async (t) => {
  const model = await loadModel(await file())
  const base = await primed(model, prompt.slice(0, -1))
  const accepted = async (selfDrafter: SelfDrafter, draftLength: number) => {
    const { stats } = await generate({
      mode: 'lossless',
      target: base.fork(),
      targetPending,
      selfDrafter,
      draftLength,
      maxTokens: 150,
      ngram: false,
    })
    return stats.accepted / stats.drafted
  }
  for (const draftLength of [1, 5, 16]) {
    t.equal(await accepted(select('full', 699, 0, 699), draftLength), 1)
    t.equal(await accepted(select('full', 0), draftLength), 1)
  }
  const fourBits = await accepted(select('draft', 0), 2)
  t.ok(fourBits > 0.5 && fourBits < 1, `${fourBits} of the drafts by the upper 4 bits`)
  const blind = await accepted(select('full', 690), 2)
  t.ok(blind < 1, `${blind} of the drafts without sight of the prompt`)
  model.close()
})

t.test('sampled, a drafter that sees everything drafts what one with a cache of its own does', async (t) => {
  const model = await loadModel(await file())
  const base = await primed(model, prompt.slice(0, -1))
  const sampled = { mode: 'lossless', targetPending, temperature: 0.9, topP: 0.9, maxTokens, ngram: false } as const
  for (const seed of [1n, 2n, 3n]) {
    for (const draftLength of [1, 4, 16]) {
      const byModel = await generate({
        ...sampled,
        target: base.fork(),
        draftModel: base.fork(),
        draftPending: targetPending,
        draftLength,
        seed,
      })
      const bySelf = await generate({ ...sampled, target: base.fork(), selfDrafter: select('full', 0), draftLength, seed })
      t.same(bySelf.tokens, byModel.tokens)
      t.same(bySelf.stats.acceptedByPosition, byModel.stats.acceptedByPosition)
    }
  }
  model.close()
})

t.test('a context that fills up ends the answer after the same tokens', async (t) => {
  const model = await loadModel(await file())
  for (const room of [0, 1, 2, 5, 20]) {
    const sequence = model.createSequence({ contextTokens: prompt.length + room, kv: 'f16' })
    await prefill(sequence, prompt.slice(0, -1))
    const ends = { target: sequence.fork(), targetPending, maxTokens: 100 }
    const plain = await generate({ mode: 'plain', ...ends })
    const bySelf = await generate({
      mode: 'lossless',
      ...ends,
      target: sequence.fork(),
      selfDrafter: select('draft', 690, 0, 1),
      draftLength: 8,
    })
    t.same(bySelf.tokens, plain.tokens)
    t.equal(bySelf.stats.finish, 'context')
    sequence.close()
  }
  model.close()
})
