/** 8-bit keys and values in whole models: how far they move the distribution, and that nothing else about the cache changes. */
import t from 'tap'
import type { NativeModel, NativeSequence } from '../../lib/native/binding'
import type { KvType } from '../../lib/options'
import { randomModel, tiny } from '../helpers/models'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../helpers/native'

const prompt = randomTokens(300, tiny.vocab, 3)
const excerpt = [...prompt.slice(0, 20), ...prompt.slice(150)]
// Weights in f16: with 8-bit ones, the rounding of activations would turn the smallest difference into a large one.
const options = { ...tiny, dtypes: { default: 'F16' } } as const

async function primed(model: NativeModel, tokens: readonly number[], kv: KvType = 'q8'): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: tokens.length + 200, kv })
  await prefill(sequence, tokens)
  return sequence
}

function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const weights = Float64Array.from(logits, (x) => Math.exp(x - largest))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((w) => w / sum)
}

/** Largest total variation distance to the distributions with f32 keys and values, over the next 24 tokens. */
async function distance(model: NativeModel, tokens: readonly number[], kv: KvType): Promise<number> {
  const next = randomTokens(24, tiny.vocab, 77)
  const [expected, actual] = await Promise.all(
    (['f32', kv] as const).map(async (type) => {
      const sequence = await primed(model, tokens, type)
      const rows = await evaluate(sequence, next)
      sequence.close()
      return rows.map(softmax)
    }),
  )
  return Math.max(...expected!.map((p, r) => p.reduce((sum, x, i) => sum + Math.abs(x - actual![r]![i]!), 0) / 2))
}

t.test('8-bit keys and values move a distribution little, and take about half the memory of f16', async (t) => {
  for (const arch of ['llama', 'qwen2'] as const) {
    const model = await loadModel(await randomModel(`kv-q8-${arch}`, { ...options, arch }))
    for (const depth of [40, 1000, 2300]) {
      const tokens = randomTokens(depth, tiny.vocab, depth)
      const [f16, q8] = [await distance(model, tokens, 'f16'), await distance(model, tokens, 'q8')]
      t.comment(`${arch}, ${depth} tokens: f16 ${f16.toExponential(2)}, q8 ${q8.toExponential(2)}`)
      t.ok(q8 > f16, 'f16 is nearer, of course')
      t.ok(q8 < 0.02, `${arch}, ${depth} tokens: total variation ${q8}`)
    }
    const [f16, q8] = [await primed(model, prompt, 'f16'), await primed(model, prompt, 'q8')]
    t.ok(q8.kvBytes / f16.kvBytes < 0.54, `${q8.kvBytes} of ${f16.kvBytes} bytes`)
    model.close()
  }
})

t.test('rejected drafts leave no trace in an 8-bit cache', async (t) => {
  const model = await loadModel(await randomModel('kv-q8-llama', { ...options, arch: 'llama' }))
  const pending = Int32Array.of(prompt.at(-1)!)
  const base = await primed(model, prompt.slice(0, -1))
  const plain = await generate({ mode: 'plain', target: base.fork(), targetPending: pending, maxTokens: 48 })
  t.ok(new Set(plain.tokens).size > 3, 'the text is not one token over and over')
  for (const draftLength of [1, 4, 11, 16]) {
    const target = base.fork()
    const drafter = await primed(model, excerpt.slice(0, -1))
    const drafterPending = Int32Array.of(excerpt.at(-1)!)
    const run = await generate({ mode: 'lossless', target, drafter, targetPending: pending, drafterPending, draftLength, maxTokens: 48 })
    t.same(run.tokens, plain.tokens, `draft length ${draftLength}`)
    t.ok(run.stats.accepted < run.stats.drafted, 'rejections happened')
    for (const [sequence, tokens] of [
      [target, prompt],
      [drafter, excerpt],
    ] as const) {
      const fresh = await primed(model, [...tokens, ...run.tokens].slice(0, sequence.length))
      t.equal(sequence.fingerprint(), fresh.fingerprint(), `draft length ${draftLength}: the cache of a fresh prefill`)
    }
  }
  model.close()
})
