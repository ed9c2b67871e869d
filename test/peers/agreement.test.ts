/** Next-token probabilities and greedy choices beside node-llama-cpp's, on the same files. */
import t from 'tap'
import { Peer, peerMissing } from '../../bench/peers/peer'
import type { RandomModelOptions } from '../../tools/models/random-model'
import { randomModel, tiny } from '../helpers/models'
import { argmax, evaluate, loadModel, prefill, randomTokens } from '../helpers/native'

/**
 * The largest and the mean total variation distance between the two engines' next-token distributions that a row type may
 * show, and why there is any. `margin`: the probability by which the peer's first choice must lead to count as clear.
 *
 * type   largest  mean    cause
 * F32    1e-3     3e-4    order of summation; the peer accumulates attention's values in half precision
 * F16    5e-3     2e-3    the peer rounds activations to half before each product, ours stay f32
 * BF16   3e-2     1e-2    the peer rounds activations to bfloat16 (8 bits), ours stay f32
 * Q8_0   3e-2     1e-2    both quantise activations to 8 bits in groups of 32; ties and scales round differently
 * mix    5e-2     2e-2    as Q8_0, but the peer quantises activations for K-quants in groups of 256, ours in groups of 32
 */
const tolerance = {
  F32: { largest: 1e-3, mean: 3e-4 },
  F16: { largest: 5e-3, mean: 2e-3 },
  BF16: { largest: 3e-2, mean: 1e-2 },
  Q8_0: { largest: 3e-2, mean: 1e-2 },
  mix: { largest: 5e-2, mean: 2e-2 },
} as const

const llama = { ...tiny, layers: 3, vocab: 4096, dtypes: { default: 'F32' } } satisfies RandomModelOptions
const qwen = { ...llama, arch: 'qwen2', theta: 1e6, kvHeads: 1, tied: true } satisfies RandomModelOptions
const mix = { default: 'Q4_K', output: 'Q6_K', token_embd: 'Q4_K', ffn_down: 'Q6_K', attn_v: 'Q5_K', attn_q: 'Q4_0' } as const

const cases: { name: string; type: keyof typeof tolerance; options: RandomModelOptions; tokens: number; kv: 'f32' | 'f16' }[] = [
  { name: 'llama F32', type: 'F32', options: llama, tokens: 150, kv: 'f32' },
  { name: 'llama F32, explicit head_dim, tied', type: 'F32', options: { ...llama, headDim: 32, tied: true }, tokens: 70, kv: 'f32' },
  { name: 'llama F32, llama3 scaling', type: 'F32', options: { ...llama, ropeScaling: { type: 'llama3' } }, tokens: 700, kv: 'f32' },
  { name: 'llama F32, linear scaling', type: 'F32', options: { ...llama, ropeScaling: { type: 'linear', factor: 4 } }, tokens: 300, kv: 'f32' },
  { name: 'llama F32, YaRN', type: 'F32', options: { ...llama, ropeScaling: { type: 'yarn', factor: 4, originalContext: 2048 } }, tokens: 300, kv: 'f32' },
  { name: 'qwen2 F32, YaRN', type: 'F32', options: { ...qwen, ropeScaling: { type: 'yarn', factor: 4, originalContext: 2048 } }, tokens: 2500, kv: 'f32' },
  { name: 'qwen2 F32', type: 'F32', options: qwen, tokens: 150, kv: 'f32' },
  { name: 'llama F16, f16 KV', type: 'F16', options: { ...llama, dtypes: { default: 'F16' } }, tokens: 300, kv: 'f16' },
  { name: 'qwen2 BF16', type: 'BF16', options: { ...qwen, dtypes: { default: 'BF16' } }, tokens: 150, kv: 'f16' },
  { name: 'llama Q8_0', type: 'Q8_0', options: { ...llama, dtypes: { default: 'Q8_0' } }, tokens: 300, kv: 'f16' },
  { name: 'qwen2 Q8_0, across 2,048', type: 'Q8_0', options: { ...qwen, dtypes: { default: 'Q8_0' } }, tokens: 2100, kv: 'f16' },
  { name: 'llama Q4_0', type: 'mix', options: { ...llama, dtypes: { default: 'Q4_0' } }, tokens: 150, kv: 'f16' },
  { name: 'llama Q4_K, Q5_K, Q6_K mix', type: 'mix', options: { ...llama, dtypes: mix }, tokens: 300, kv: 'f16' },
  { name: 'qwen2 Q4_K, Q5_K, Q6_K mix', type: 'mix', options: { ...qwen, tied: false, dtypes: mix }, tokens: 150, kv: 'f16' },
]
const ROWS = 16
const CLEAR = 2 // a lead counts as clear beyond twice the largest distance allowed

function softmax(logits: ArrayLike<number>): Float64Array {
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!)
  const p = Float64Array.from(logits, (x) => Math.exp(x - max))
  const sum = p.reduce((a, b) => a + b)
  return p.map((x) => x / sum)
}
const distance = (p: Float64Array, q: Float64Array) => p.reduce((sum, x, i) => sum + Math.abs(x - q[i]!), 0) / 2

t.test('agreement with node-llama-cpp', { skip: peerMissing() ?? false }, async (t) => {
  for (const { name, type, options, tokens, kv } of cases) {
    await t.test(name, async (t) => {
      const file = await randomModel(`agreement-${name.replaceAll(/\W+/g, '-')}`, options)
      const prompt = randomTokens(tokens, options.vocab, 17)
      const peer = await Peer.load({ modelPath: file, contextSize: tokens + 64, threads: 2, flashAttention: false, kv: kv === 'f32' ? 'F32' : 'F16' })
      const theirs = await peer.logits(prompt, ROWS)
      peer.close()

      const model = await loadModel(file)
      const sequence = model.createSequence({ contextTokens: tokens, kv })
      await prefill(sequence, prompt.slice(0, -ROWS))
      const ours = await evaluate(sequence, prompt.slice(-ROWS), ROWS)
      model.close()

      const limit = tolerance[type]
      let largest = 0
      let sum = 0
      let clear = 0
      for (let r = 0; r < ROWS; r++) {
        const p = softmax(theirs[r]!)
        const q = softmax(ours[r]!)
        const tv = distance(p, q)
        largest = Math.max(largest, tv)
        sum += tv
        const [first, second] = Array.from(p).sort((a, b) => b - a)
        if (first! - second! > CLEAR * limit.largest) {
          clear++
          t.equal(argmax(ours[r]!), p.indexOf(first!), `row ${r}: the same greedy token`)
        }
      }
      t.comment(`largest TV ${largest.toExponential(2)}, mean ${(sum / ROWS).toExponential(2)}, clear margins ${clear} of ${ROWS}`)
      t.ok(largest <= limit.largest, `largest distance ${largest.toExponential(2)} <= ${limit.largest}`)
      t.ok(sum / ROWS <= limit.mean, `mean distance ${(sum / ROWS).toExponential(2)} <= ${limit.mean}`)
      t.ok(clear > 0, 'some margin is clear')
    })
  }
})
