/** A model that drafts for itself by the upper half of its 8-bit weights: nothing of it shows in what the target says. */
import t from 'tap'
import type { NativeModel, NativeSequence } from '../../lib/native/binding'
import { randomModel, tiny } from '../helpers/models'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../helpers/native'

type Precision = 'full' | 'draft'

const prompt = randomTokens(300, tiny.vocab, 3)
const excerpt = [...prompt.slice(0, 20), ...prompt.slice(150)]
const maxTokens = 48

const target = () => randomModel('nested-target', { ...tiny, dtypes: { default: 'Q8_0' } })
const stranger = () => randomModel('nested-stranger', { ...tiny, seed: 2, dtypes: { default: 'Q8_0' } })

async function primed(model: NativeModel, tokens: readonly number[], precision: Precision = 'full'): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: tokens.length + 200, kv: 'f16', precision })
  await prefill(sequence, tokens.slice(0, -1))
  return sequence
}

async function freshPrint(model: NativeModel, tokens: readonly number[], precision: Precision): Promise<string> {
  const sequence = await primed(model, [...tokens, 0], precision)
  const print = sequence.fingerprint()
  sequence.close()
  return print
}

const pending = (tokens: readonly number[]) => Int32Array.of(tokens.at(-1)!)

t.test('lossless greedy is plain greedy for every draft length, and both caches equal fresh prefills of their precisions', async (t) => {
  const model = await loadModel(await target())
  const bases = { target: await primed(model, prompt), drafter: await primed(model, excerpt, 'draft') }
  const plain = await generate({ mode: 'plain', target: bases.target.fork(), targetPending: pending(prompt), maxTokens })
  t.ok(new Set(plain.tokens).size > 3, 'the text is not one token over and over')
  for (const draftLength of [...Array(17).keys(), -1]) {
    const sequences = { target: bases.target.fork(), drafter: bases.drafter.fork() }
    const { tokens } = await generate({
      mode: 'lossless',
      ...sequences,
      targetPending: pending(prompt),
      drafterPending: pending(excerpt),
      draftLength,
      maxTokens,
    })
    const what = `draft length ${draftLength < 0 ? 'auto' : draftLength}`
    t.same(tokens, plain.tokens, what)
    for (const [role, start, precision] of [
      ['target', prompt, 'full'],
      ['drafter', excerpt, 'draft'],
    ] as const) {
      const { length } = sequences[role]
      t.ok(length >= start.length - 1, `${what}: ${role} keeps its prompt`)
      const committed = [...start, ...tokens].slice(0, length)
      t.equal(sequences[role].fingerprint(), await freshPrint(model, committed, precision), `${what}: ${role} cache`)
      sequences[role].close()
    }
  }
  t.not(await freshPrint(model, excerpt, 'draft'), await freshPrint(model, excerpt, 'full'), 'the precisions do differ')
  model.close()
})

t.test('drafts of the upper half are mostly accepted, those of another model hardly ever', async (t) => {
  const model = await loadModel(await target())
  const other = await loadModel(await stranger())
  const accepted = async (drafter: NativeSequence) => {
    const { stats } = await generate({
      mode: 'lossless',
      target: await primed(model, prompt),
      drafter,
      targetPending: pending(prompt),
      drafterPending: pending(prompt),
      draftLength: 2,
      maxTokens: 150,
    })
    return stats.accepted / stats.drafted
  }
  const nested = await accepted(await primed(model, prompt, 'draft'))
  const strange = await accepted(await primed(other, prompt, 'draft'))
  t.ok(nested > 0.5, `${nested} of the nested drafter's tokens were accepted`)
  t.ok(strange < 0.1, `${strange} of the other model's`)
  t.equal(await accepted(await primed(model, prompt)), 1, 'all of its own at full precision')
  for (const loaded of [model, other]) loaded.close()
})

t.test('exact mode gives one text for every draft length, greedy and sampled', async (t) => {
  const model = await loadModel(await target())
  const sequences = { target: await primed(model, prompt), drafter: await primed(model, excerpt, 'draft') }
  for (const temperature of [0, 0.8]) {
    const texts = []
    for (const draftLength of [0, 1, 4, 11, 16]) {
      const run = await generate({
        mode: 'exact',
        target: sequences.target.fork(),
        drafter: sequences.drafter.fork(),
        targetPending: pending(prompt),
        drafterPending: pending(excerpt),
        draftLength,
        temperature,
        seed: 11n,
        maxTokens: 40,
      })
      texts.push(run.tokens)
    }
    for (const text of texts.slice(1)) t.same(text, texts[0], `temperature ${temperature}`)
  }
  model.close()
})

t.test('a fork keeps the precision of its sequence; "full" is the default', async (t) => {
  const model = await loadModel(await target())
  const next = async (sequence: NativeSequence) => Array.from((await evaluate(sequence, [7]))[0]!)
  const [full, draft] = [await primed(model, prompt), await primed(model, prompt, 'draft')]
  const unsaid = model.createSequence({ contextTokens: 400, kv: 'f16' })
  await prefill(unsaid, prompt.slice(0, -1))
  const expected = { full: await next(full.fork()), draft: await next(draft.fork().fork()) }
  t.notSame(expected.draft, expected.full)
  t.same(await next(draft), expected.draft)
  t.same(await next(unsaid), expected.full)
  model.close()
})

t.test('a model without 8-bit matrices is the same at both precisions, and says so', async (t) => {
  const dtypes = { default: 'Q4_K', output: 'Q6_K', ffn_down: 'Q5_K', attn_v: 'Q4_0', attn_q: 'F16' } as const
  const model = await loadModel(await randomModel('nested-none', { ...tiny, dtypes }))
  t.equal(model.info.draftWeightBytes, model.info.weightBytes)
  t.equal(await freshPrint(model, prompt, 'draft'), await freshPrint(model, prompt, 'full'))
  model.close()
  const eight = await loadModel(await target())
  const share = eight.info.draftWeightBytes / eight.info.weightBytes
  t.ok(share > 0.5 && share < 0.54, `8-bit matrices: ${share} of the bytes`)
  eight.close()
})
