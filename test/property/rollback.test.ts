import t from 'tap'
import { randomModel, tiny } from '../helpers/models'
import { generate, loadModel } from '../helpers/native'
import { excerpt, freshPrint, pair, pending, primed, prompt } from '../helpers/sequences'

const draftLengths = [0, 1, 2, 3, 5, 8, 10, 16, -1]
const ngrams = [true, false]

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
  const plain = await generate({ mode: 'plain', target: base.fork(), targetPending: pending(prompt), maxTokens })
  t.equal(plain.tokens.length, maxTokens)
  t.ok(new Set(plain.tokens).size > 3, 'the text is not one token over and over')

  let proposed = 0
  let confirmed = 0
  const drafters = [
    { name: 'itself on the whole text', model: target, tokens: prompt },
    { name: 'itself on an excerpt', model: target, tokens: excerpt },
    { name: 'a smaller model', model: other, tokens: excerpt },
    { name: 'a larger model', model: larger, tokens: excerpt },
  ]
  for (const drafter of drafters) {
    for (const draftLength of draftLengths) {
      for (const ngram of ngrams) {
        const [sequence, draftSequence] = [base.fork(), await primed(drafter.model, drafter.tokens)]
        const { tokens, stats } = await generate({
          mode: 'lossless',
          ...pair(sequence, draftSequence, prompt, drafter.tokens),
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
        for (const [cache, model, start] of [
          [sequence, target, prompt],
          [draftSequence, drafter.model, drafter.tokens],
        ] as const) {
          const committed = [...start, ...tokens].slice(0, cache.length)
          t.equal(cache.fingerprint(), await freshPrint(model, committed), `${what}: ${cache === sequence ? 'target' : 'drafter'} cache`)
        }
        t.ok(sequence.length >= prompt.length + tokens.length - 1)
      }
    }
  }
  t.ok(proposed > 0 && confirmed > 0, `n-grams were used: ${confirmed} of ${proposed} tokens confirmed`)
  for (const model of [target, other, larger]) model.close()
})

t.test('exact mode gives one text for every draft length, greedy and sampled', async (t) => {
  const model = await loadModel(await randomModel('rollback-target', { ...tiny, dtypes: { default: 'Q8_0' } }))
  const target = await primed(model, prompt)
  const drafter = await primed(model, excerpt)
  for (const temperature of [0, 0.8]) {
    const texts = []
    for (const draftLength of [0, 1, 4, 11, 16, -1]) {
      for (const ngram of ngrams) {
        const run = await generate({
          mode: 'exact',
          ...pair(target.fork(), drafter.fork()),
          draftLength,
          ngram,
          ngramSource: Int32Array.from(excerpt),
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
    targetPending: pending(prompt),
    maxTokens: 40,
  })
  const sequence = await primed(model, prompt)
  const first = await generate({ mode: 'plain', target: sequence, targetPending: pending(prompt), maxTokens: 17 })
  const missing = [...prompt, ...first.tokens].slice(sequence.length)
  const second = await generate({ mode: 'plain', target: sequence, targetPending: Int32Array.from(missing), maxTokens: 23 })
  t.same([...first.tokens, ...second.tokens], whole.tokens)
  model.close()
})
