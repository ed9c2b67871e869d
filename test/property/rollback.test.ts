import t from 'tap'
import type { NativeModel, NativeSequence } from '../../lib/native/binding'
import { randomModel, tiny } from '../helpers/models'
import { generate, loadModel, prefill, randomTokens } from '../helpers/native'

const prompt = randomTokens(300, tiny.vocab, 3)
const draftPrompt = [...prompt.slice(0, 20), ...prompt.slice(150)]
const draftLengths = [0, 1, 2, 3, 5, 8, 10, 16, -1]
const ngrams = [true, false]

async function primed(model: NativeModel, tokens: readonly number[]): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: tokens.length + 200, kv: 'f16' })
  await prefill(sequence, tokens.slice(0, -1))
  return sequence
}

/** Fingerprint of a fresh, chunked prefill of the first `length` of `tokens`. */
async function freshPrint(model: NativeModel, tokens: readonly number[], length: number): Promise<string> {
  const sequence = model.createSequence({ contextTokens: length, kv: 'f16' })
  await prefill(sequence, tokens.slice(0, length))
  const print = sequence.fingerprint()
  sequence.close()
  return print
}

t.test('lossless greedy is plain greedy for every draft length and drafter, and both caches equal a fresh prefill', async (t) => {
  const target = await loadModel(await randomModel('rollback-target', { ...tiny, dtypes: { default: 'Q8_0' } }))
  const other = await loadModel(
    await randomModel('rollback-other', {
      ...tiny,
      layers: 1,
      embd: 128,
      heads: 2,
      kvHeads: 1,
      ffn: 256,
      seed: 2,
      dtypes: { default: 'F16' },
    }),
  )
  const larger = await loadModel(await randomModel('rollback-larger', { ...tiny, layers: 3, seed: 3, dtypes: { default: 'Q4_0' } }))
  const maxTokens = 48
  const base = await primed(target, prompt)
  const plain = await generate({ mode: 'plain', target: base.fork(), targetPending: Int32Array.of(prompt.at(-1)!), maxTokens })
  t.equal(plain.tokens.length, maxTokens)
  t.ok(new Set(plain.tokens).size > 3, 'the text is not one token over and over')

  let proposed = 0
  let confirmed = 0
  const drafters = [
    { name: 'itself on the whole text', model: target, tokens: prompt },
    { name: 'itself on an excerpt', model: target, tokens: draftPrompt },
    { name: 'a smaller model', model: other, tokens: draftPrompt },
    { name: 'a larger model', model: larger, tokens: draftPrompt },
  ]
  for (const drafter of drafters) {
    for (const draftLength of draftLengths) {
      for (const ngram of ngrams) {
        const sequences = { target: base.fork(), drafter: await primed(drafter.model, drafter.tokens) }
        const { tokens, stats } = await generate({
          mode: 'lossless',
          ...sequences,
          targetPending: Int32Array.of(prompt.at(-1)!),
          drafterPending: Int32Array.of(drafter.tokens.at(-1)!),
          draftLength,
          ngram,
          // Random text quotes nothing: half of what will be written makes some proposals right.
          ngramSource: Int32Array.from([...plain.tokens.slice(0, maxTokens / 2), ...drafter.tokens]),
          maxTokens,
        })
        const what = `${drafter.name}, draft length ${draftLength < 0 ? 'auto' : draftLength}, n-grams ${ngram ? 'on' : 'off'}`
        t.same(tokens, plain.tokens, what)
        proposed += stats.ngramProposed
        confirmed += stats.ngramAccepted
        if (!ngram) t.equal(stats.ngramProposed + stats.roundsCascade + stats.roundsNgram, 0)
        if (drafter.tokens === prompt && draftLength > 0)
          t.equal(stats.accepted, stats.drafted, `${what}: the same model on the same text is never rejected`)
        if (drafter.model === other && draftLength > 0) t.ok(stats.accepted < stats.drafted, `${what}: rejections happened`)
        t.equal(
          sequences.target.fingerprint(),
          await freshPrint(target, [...prompt, ...tokens], sequences.target.length),
          `${what}: target cache`,
        )
        t.equal(
          sequences.drafter.fingerprint(),
          await freshPrint(drafter.model, [...drafter.tokens, ...tokens], sequences.drafter.length),
          `${what}: drafter cache`,
        )
        t.ok(sequences.target.length >= prompt.length + tokens.length - 1)
      }
    }
  }
  t.ok(proposed > 0 && confirmed > 0, `n-grams were used: ${confirmed} of ${proposed} tokens confirmed`)
  for (const model of [target, other, larger]) model.close()
})

t.test('exact mode gives one text for every draft length, greedy and sampled', async (t) => {
  const model = await loadModel(await randomModel('rollback-target', { ...tiny, dtypes: { default: 'Q8_0' } }))
  const target = await primed(model, prompt)
  const drafter = await primed(model, draftPrompt)
  for (const temperature of [0, 0.8]) {
    const texts = []
    for (const draftLength of [0, 1, 4, 11, 16, -1]) {
      for (const ngram of ngrams) {
        const run = await generate({
          mode: 'exact',
          target: target.fork(),
          drafter: drafter.fork(),
          targetPending: Int32Array.of(prompt.at(-1)!),
          drafterPending: Int32Array.of(draftPrompt.at(-1)!),
          draftLength,
          ngram,
          ngramSource: Int32Array.from(draftPrompt),
          temperature,
          seed: 11n,
          maxTokens: 40,
        })
        texts.push(run.tokens)
      }
    }
    for (const text of texts.slice(1)) t.same(text, texts[0], `temperature ${temperature}`)
  }
  model.close()
})

t.test('a second half after an interruption is the uninterrupted text', async (t) => {
  const model = await loadModel(await randomModel('rollback-target', { ...tiny, dtypes: { default: 'Q8_0' } }))
  const whole = await generate({
    mode: 'plain',
    target: await primed(model, prompt),
    targetPending: Int32Array.of(prompt.at(-1)!),
    maxTokens: 40,
  })
  const sequence = await primed(model, prompt)
  const first = await generate({ mode: 'plain', target: sequence, targetPending: Int32Array.of(prompt.at(-1)!), maxTokens: 17 })
  const missing = [...prompt, ...first.tokens].slice(sequence.length)
  const second = await generate({ mode: 'plain', target: sequence, targetPending: Int32Array.from(missing), maxTokens: 23 })
  t.same([...first.tokens, ...second.tokens], whole.tokens)
  model.close()
})
