/**
 * A model that drafts for itself by four bits of its weights, nested in 8-bit ones or a copy of wider ones: nothing of it shows in
 * what the target says. Texts and caches after rejections: rollback.test.ts.
 */
import t from 'tap'
import type { NativeModel, NativeSequence } from '../../../lib/runtime/binding'
import { randomModel, tiny } from '../../helpers/models'
import { evaluate, generate, loadModel, randomTokens } from '../../helpers/native'
import { excerpt, filled, freshPrint, pair, primed, prompt } from '../../helpers/sequences'

const draft = { precision: 'draft' } as const

interface Kind {
  readonly name: string
  readonly dtypes: Parameters<typeof randomModel>[1]['dtypes']
  readonly draftCopy: boolean
  /** Bytes that a draft reads, of all: bounds. */
  readonly share: readonly [number, number]
}
const kinds: readonly Kind[] = [
  { name: 'nested in Q8_0', dtypes: { default: 'Q8_0' }, draftCopy: false, share: [0.5, 0.54] },
  { name: 'a copy of F16, BF16 and F32', dtypes: { default: 'F16', output: 'BF16', attn_q: 'F32' }, draftCopy: true, share: [0.25, 0.29] },
]
const modelFile = ({ dtypes }: Kind, seed = 1) =>
  randomModel(`q4-${Object.values(dtypes ?? {}).join('-')}-${seed}`, { ...tiny, seed, dtypes })
const load = async (kind: Kind, seed?: number): Promise<NativeModel> => loadModel(await modelFile(kind, seed), kind)

for (const kind of kinds) {
  t.test(`${kind.name}: a draft's cache is not the full precision's`, async (t) => {
    const model = await load(kind)
    t.not(await freshPrint(model, excerpt, draft), await freshPrint(model, excerpt))
    model.close()
  })

  t.test(`${kind.name}: the target's logits and cache are those of the model without drafts`, async (t) => {
    const [model, plain] = [await load(kind), await loadModel(await modelFile(kind))]
    const rows = randomTokens(5, tiny.vocab, 8)
    const [own, other] = [await filled(model, prompt), await filled(plain, prompt)]
    t.same(await evaluate(own, rows), await evaluate(other, rows))
    t.equal(own.fingerprint(), other.fingerprint())
    for (const loaded of [model, plain]) loaded.close()
  })

  t.test(`${kind.name}: drafts are mostly accepted, those of another model hardly ever`, async (t) => {
    const [model, other] = [await load(kind), await load(kind, 2)]
    const accepted = async (drafter: NativeSequence) => {
      const sequences = pair(await primed(model, prompt), drafter, prompt, prompt)
      const { stats } = await generate({ mode: 'lossless', ...sequences, draftLength: 2, maxTokens: 150 })
      return stats.accepted / stats.drafted
    }
    const own = await accepted(await primed(model, prompt, draft))
    const strange = await accepted(await primed(other, prompt, draft))
    t.ok(own > 0.5, `${own} of its own four-bit drafts were accepted`)
    t.ok(strange < 0.1, `${strange} of the other model's`)
    t.equal(await accepted(await primed(model, prompt)), 1, 'all of its own at full precision')
    for (const loaded of [model, other]) loaded.close()
  })

  t.test(`${kind.name}: a fork keeps the precision of its sequence; "full" is the default`, async (t) => {
    const model = await load(kind)
    const next = async (sequence: NativeSequence) => Array.from((await evaluate(sequence, [7]))[0]!)
    const [full, drafts] = [await filled(model, prompt, { precision: 'full' }), await filled(model, prompt, draft)]
    const unsaid = model.createSequence({ contextTokens: 400, kv: 'f16' })
    await generate({ mode: 'plain', target: unsaid, targetPending: Int32Array.from(prompt), maxTokens: 1 })
    const expected = { full: await next(full.fork()), draft: await next(drafts.fork().fork()) }
    t.notSame(expected.draft, expected.full)
    t.same(await next(drafts), expected.draft)
    t.same(await next(unsaid), expected.full)
    model.close()
  })

  t.test(`${kind.name}: what a draft reads is told`, async (t) => {
    const model = await load(kind)
    const { weightBytes, draftWeightBytes, draftCopyBytes } = model.info
    const share = draftWeightBytes / weightBytes
    t.ok(share > kind.share[0] && share < kind.share[1], `${share} of the bytes`)
    t.equal(draftCopyBytes, kind.draftCopy ? draftWeightBytes : 0)
    model.close()
  })
}

t.test('a model of narrower weights is the same at both precisions, says so, and is refused a copy', async (t) => {
  const dtypes = { default: 'Q4_K', output: 'Q6_K', ffn_down: 'Q5_K', attn_v: 'Q4_0', attn_k: 'F16' } as const
  const file = await randomModel('q4-none', { ...tiny, vocab: 4096, dtypes }) // of 6 % of the bytes, a copy would spare 4
  const model = await loadModel(file)
  t.equal(model.info.draftWeightBytes, model.info.weightBytes)
  t.equal(await freshPrint(model, prompt, draft), await freshPrint(model, prompt))
  model.close()
  const refusal = { code: 'ERR_INVALID_ARGUMENT', message: /^a draft copy would be of no use/ }
  await t.rejects(loadModel(file, { draftCopy: true }), refusal)
  await t.rejects(loadModel(await modelFile(kinds[0]!), { draftCopy: true }), refusal, '8-bit weights need none')
})

t.test('only the wide matrices of a mixed model are copied', async (t) => {
  const dtypes = { default: 'Q8_0', output: 'F16', ffn_down: 'Q4_K' } as const
  const model = await loadModel(await randomModel('q4-mixed', { ...tiny, dtypes }), { draftCopy: true })
  t.equal(model.info.draftCopyBytes, (tiny.vocab * tiny.embd * 9) / 16)
  t.not(await freshPrint(model, prompt, draft), await freshPrint(model, prompt))
  model.close()
})
