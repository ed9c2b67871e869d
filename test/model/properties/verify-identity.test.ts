import t, { type Test } from 'tap'
import { type KvType, kvTypes } from '../../../lib/options/open'
import type { NativeModel } from '../../../lib/runtime/binding'
import { randomModel, tiny } from '../../helpers/models'
import { binding, evaluate, loadModel, prefill, randomTokens } from '../../helpers/native'
import { choose, combinations, isas } from '../../helpers/tier'

/** Depths that put the 17 rows across a page boundary, a split boundary (2,048), and at the very start. */
const depths = [0, 55, 2040]
const rowCounts = choose(
  [1, 2, 3, 5, 8, 16, 17],
  Array.from({ length: 17 }, (_, i) => i + 1),
)
const kinds = [
  { name: 'q8', options: { ...tiny, dtypes: { default: 'Q8_0' } }, draftCopy: false, drafts: true },
  {
    name: 'mix',
    options: { ...tiny, arch: 'qwen2', dtypes: { default: 'Q4_K', output: 'Q6_K', ffn_down: 'Q5_K', attn_v: 'Q4_0' } },
    draftCopy: false,
    drafts: false,
  },
  { name: 'f16', options: { ...tiny, dtypes: { default: 'F16', output: 'BF16', attn_q: 'F32' } }, draftCopy: true, drafts: true },
] as const
const drafts = { kv: 'f16', precision: 'draft' } as const

/** Rows of one pass against single decodes, from the same cached prefix: logits and cache bit for bit. */
async function check(t: Test, model: NativeModel, kv: KvType, depth: number, precision: 'full' | 'draft' = 'full'): Promise<void> {
  const prompt = randomTokens(depth, tiny.vocab, depth + 1)
  const rows = randomTokens(17, tiny.vocab, 99)
  const base = model.createSequence({ contextTokens: depth + 17, kv, precision })
  if (depth > 0) await prefill(base, prompt)

  const single = base.fork()
  const expected: Float32Array[] = []
  const prints: string[] = []
  for (const token of rows) {
    expected.push(...(await evaluate(single, [token])))
    prints.push(single.fingerprint())
  }
  let same = 0
  for (const n of rowCounts) {
    const batch = base.fork()
    const logits = await evaluate(batch, rows.slice(0, n))
    for (let r = 0; r < n; r++)
      if (
        Buffer.from(logits[r]!.buffer, logits[r]!.byteOffset, logits[r]!.byteLength).equals(
          Buffer.from(expected[r]!.buffer, expected[r]!.byteOffset, expected[r]!.byteLength),
        )
      )
        same++
    t.equal(batch.fingerprint(), prints[n - 1], `${n} rows leave the cache of ${n} decodes`)
    batch.close()
  }
  const all = rowCounts.reduce((sum, n) => sum + n, 0)
  t.equal(same, all, 'every row of every batch has the logits of its single decode')
  single.close()
  base.close()
}

for (const isa of isas(binding.isas)) {
  // The slow scalar kernels take the shallow depths only.
  const reached = isa === 'generic' ? depths.slice(0, 2) : depths
  for (const kind of kinds) {
    t.test(`verify of 1..17 rows equals decodes bit for bit: ${kind.name}, ${isa}`, async (t) => {
      const file = await randomModel(`verify-${kind.name}`, kind.options)
      const models = new Map<number, NativeModel>()
      const caches = [...kvTypes.map((kv) => ({ kv, precision: 'full' as const })), ...(kind.drafts ? [drafts] : [])]
      for (const [depth, threads, { kv, precision }] of combinations(reached, [1, 2, 3], caches)) {
        if (!models.has(threads)) models.set(threads, await loadModel(file, { threads, isa, draftCopy: kind.draftCopy }))
        const what = `depth ${depth}, ${threads} threads, ${precision === 'full' ? `${kv} KV` : 'draft precision'}`
        await t.test(what, (t) => check(t, models.get(threads)!, kv, depth, precision))
      }
      for (const model of models.values()) model.close()
    })
  }
}

t.test('the number of threads changes no bit', async (t) => {
  const file = await randomModel('verify-q8', kinds[0].options)
  const prompt = randomTokens(2100, tiny.vocab, 5)
  const results: { print: string; logits: Float32Array }[] = []
  for (const threads of [1, 2, 3]) {
    const model = await loadModel(file, { threads })
    const sequence = model.createSequence({ contextTokens: 2200, kv: 'f16' })
    await prefill(sequence, prompt)
    const [logits] = await evaluate(sequence, [7])
    results.push({ print: sequence.fingerprint(), logits: logits! })
    model.close()
  }
  for (const other of results.slice(1)) {
    t.equal(other.print, results[0]!.print)
    t.same(other.logits, results[0]!.logits)
  }
})
