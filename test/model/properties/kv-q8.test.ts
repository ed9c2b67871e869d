/** 8-bit keys and values in whole models: how far they move the distribution, and what they take. */
import t from 'tap'
import type { KvType } from '../../../lib/options/open'
import type { NativeModel } from '../../../lib/runtime/binding'
import { randomModel, tiny } from '../../helpers/models'
import { evaluate, loadModel, randomTokens } from '../../helpers/native'
import { filled, prompt } from '../../helpers/sequences'

// Weights in f16: with 8-bit ones, the rounding of activations would turn the smallest difference into a large one.
const options = { ...tiny, dtypes: { default: 'F16' } } as const

const q8 = { kv: 'q8' } as const

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
      const sequence = await filled(model, tokens, { kv: type })
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
      const [half, byte] = [await distance(model, tokens, 'f16'), await distance(model, tokens, 'q8')]
      t.comment(`${arch}, ${depth} tokens: f16 ${half.toExponential(2)}, q8 ${byte.toExponential(2)}`)
      t.ok(byte > half, 'f16 is nearer, of course')
      t.ok(byte < 0.02, `${arch}, ${depth} tokens: total variation ${byte}`)
    }
    const [wide, bytes] = [await filled(model, prompt), await filled(model, prompt, q8)]
    t.ok(bytes.kvBytes / wide.kvBytes < 0.54, `${bytes.kvBytes} of ${wide.kvBytes} bytes`)
    model.close()
  }
})
