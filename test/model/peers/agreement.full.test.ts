/** Next-token probabilities and greedy choices beside node-llama-cpp's, on the same files. */
import t from 'tap'
import { Peer, peerMissing } from '../../../bench/peers/peer'
import type { RandomModelOptions } from '../../../tools/models/random-model'
import { dequantizedTwin, randomModel, tiny } from '../../helpers/models'
import { evaluate, loadModel, prefill, randomTokens } from '../../helpers/native'

/**
 * The total variation distance between the two engines' next-token distributions that each type may show: largest and mean
 * over the compared rows. The logits of these models have a standard deviation of 6: they show small errors large.
 *
 * type   largest  mean    why
 * F32    1e-4     3e-5    both compute in f32: order of summation, exp and RoPE angles alone
 * F16    2e-3     1e-3    the peer rounds the inputs of each product to half (11 bits); ours stay f32
 * BF16   4e-2     2e-2    the peer rounds the inputs of each product to bfloat16 (8 bits); so do ours where the processor multiplies it
 * Q8_0   .1       5e-2    both round inputs to 8 bits in groups of 32, each in its own way: two errors of about half this size
 * mix    .15      7e-2    as Q8_0; for K-quants the peer rounds inputs in groups of 256, ours in groups of 32
 *
 * For BF16 and the quantised types a second check says whose error it is: beside the same weights dequantised to F32, ours may not be
 * further from the exact distribution than the peer is (by more than half, for chance).
 */
const tolerance = {
  F32: { largest: 1e-4, mean: 3e-5 },
  F16: { largest: 2e-3, mean: 1e-3 },
  BF16: { largest: 4e-2, mean: 2e-2 },
  Q8_0: { largest: 0.1, mean: 5e-2 },
  mix: { largest: 0.15, mean: 7e-2 },
} as const

const llama = { ...tiny, layers: 3, vocab: 4096, dtypes: { default: 'F32' } } satisfies RandomModelOptions
const qwen = { ...llama, arch: 'qwen2', theta: 1e6, kvHeads: 1, tied: true } satisfies RandomModelOptions
const mix = { default: 'Q4_K', output: 'Q6_K', token_embd: 'Q4_K', ffn_down: 'Q6_K', attn_v: 'Q5_K', attn_q: 'Q4_0' } as const

const cases: { name: string; type: keyof typeof tolerance; options: RandomModelOptions; tokens: number; kv: 'f32' | 'f16' }[] = [
  { name: 'llama F32', type: 'F32', options: llama, tokens: 150, kv: 'f32' },
  { name: 'llama F32, explicit head_dim, tied', type: 'F32', options: { ...llama, headDim: 32, tied: true }, tokens: 70, kv: 'f32' },
  { name: 'llama F32, llama3 scaling', type: 'F32', options: { ...llama, ropeScaling: { type: 'llama3' } }, tokens: 700, kv: 'f32' },
  {
    name: 'llama F32, linear scaling',
    type: 'F32',
    options: { ...llama, ropeScaling: { type: 'linear', factor: 4, original: 2048 } },
    tokens: 300,
    kv: 'f32',
  },
  {
    name: 'llama F32, YaRN',
    type: 'F32',
    options: { ...llama, ropeScaling: { type: 'yarn', factor: 4, original: 2048 } },
    tokens: 300,
    kv: 'f32',
  },
  {
    name: 'qwen2 F32, YaRN',
    type: 'F32',
    options: { ...qwen, ropeScaling: { type: 'yarn', factor: 4, original: 2048 } },
    tokens: 2500,
    kv: 'f32',
  },
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

/** Our distributions at the last ROWS of `prompt`: a chunked prefill, then one pass over the rows. */
async function ourDistributions(file: string, prompt: readonly number[], kv: 'f32' | 'f16'): Promise<Float64Array[]> {
  const model = await loadModel(file)
  const sequence = model.createSequence({ contextTokens: prompt.length, kv })
  await prefill(sequence, prompt.slice(0, -ROWS))
  const logits = await evaluate(sequence, prompt.slice(-ROWS), ROWS)
  model.close()
  return logits.map(softmax)
}

async function theirDistributions(file: string, prompt: readonly number[], kv: 'f32' | 'f16'): Promise<Float64Array[]> {
  const peer = await Peer.load({
    modelPath: file,
    contextSize: prompt.length + 64,
    threads: 2,
    flashAttention: false,
    kv: kv === 'f32' ? 'F32' : 'F16',
  })
  const logits = await peer.logits(prompt, ROWS)
  peer.close()
  return logits.map(softmax)
}

const distances = (a: Float64Array[], b: Float64Array[]) => a.map((p, r) => distance(p, b[r]!))
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

t.test('agreement with node-llama-cpp', { skip: peerMissing() ?? false }, async (t) => {
  for (const { name, type, options, tokens, kv } of cases) {
    await t.test(name, async (t) => {
      const id = `agreement-${name.replaceAll(/\W+/g, '-')}`
      const file = await randomModel(id, options)
      const prompt = randomTokens(tokens, options.vocab, 17)
      const theirs = await theirDistributions(file, prompt, kv)
      const ours = await ourDistributions(file, prompt, kv)

      const limit = tolerance[type]
      const between = distances(ours, theirs)
      const clear = theirs.filter((p, r) => {
        const [first, second] = Array.from(p).sort((a, b) => b - a)
        if (first! - second! <= CLEAR * limit.largest) return false
        t.equal(ours[r]!.indexOf(Math.max(...ours[r]!)), p.indexOf(first!), `row ${r}: the same greedy token`)
        return true
      }).length
      t.comment(
        `largest distance ${Math.max(...between).toExponential(2)}, mean ${mean(between).toExponential(2)}, clear margins ${clear} of ${ROWS}`,
      )
      t.ok(Math.max(...between) <= limit.largest, `largest distance <= ${limit.largest}`)
      t.ok(mean(between) <= limit.mean, `mean distance <= ${limit.mean}`)
      t.ok(clear > 0, 'some margin is clear')

      if (type === 'BF16' || type === 'Q8_0' || type === 'mix') {
        const exact = await ourDistributions(await dequantizedTwin(id, options), prompt, 'f32')
        const our = mean(distances(ours, exact))
        const their = mean(distances(theirs, exact))
        t.comment(`mean distance from exact arithmetic: ours ${our.toExponential(2)}, theirs ${their.toExponential(2)}`)
        t.ok(our <= 1.5 * their, 'ours is no further from exact arithmetic than the peer')
      }
    })
  }
})
