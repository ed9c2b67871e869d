/**
 * Whole models draft for each other and for themselves: greedy `lossless` writes what plain decoding writes, and what is rejected leaves
 * no trace in either cache. The exhaustive tables of modes, laws and drafters are test/cpp/decoding/decoder_test.cc's, over models of a few
 * tokens.
 */
import t from 'tap'
import type { NativeModel, NativeSequence } from '../../../lib/runtime/binding'
import { randomModel, tiny } from '../../helpers/models'
import { generate, loadModel } from '../../helpers/native'
import { excerpt, freshPrint, pair, pending, primed, prompt, type SequenceKind } from '../../helpers/sequences'
import { choose, combinations } from '../../helpers/tier'

const draftLengths = choose([0, 1, 3, 16, -1], [...Array(17).keys(), -1])
const ngrams = [true, false]
const maxTokens = 48
const length = (draftLength: number) => (draftLength < 0 ? 'auto' : draftLength)

const q8 = () => randomModel('rollback-q8', { ...tiny, dtypes: { default: 'Q8_0' } })
const wide = () => randomModel('rollback-wide', { ...tiny, dtypes: { default: 'F16', output: 'BF16', attn_q: 'F32' } })
const smaller = () =>
  randomModel('rollback-smaller', { ...tiny, layers: 1, embd: 128, heads: 2, kvHeads: 1, ffn: 256, seed: 2, dtypes: { default: 'F16' } })
const larger = () => randomModel('rollback-larger', { ...tiny, layers: 3, seed: 3, dtypes: { default: 'Q4_0' } })

/** A target, how it keeps keys and values, and who drafts for it, having read what. */
interface Case {
  readonly name: string
  readonly file: () => Promise<string>
  readonly drafter?: () => Promise<string>
  readonly tokens: readonly number[]
  readonly target?: SequenceKind
  readonly draft?: SequenceKind
  readonly draftCopy?: boolean
  /** What must have become of drafts, when there were any. */
  readonly fate?: 'all accepted' | 'some rejected'
}
const cases: readonly Case[] = [
  { name: 'itself on the whole text', file: q8, tokens: prompt, fate: 'all accepted' },
  { name: 'itself on an excerpt', file: q8, tokens: excerpt },
  { name: 'itself by four bits, nested in eight', file: q8, tokens: excerpt, draft: { precision: 'draft' } },
  { name: 'itself by a copy of four bits', file: wide, tokens: excerpt, draft: { precision: 'draft' }, draftCopy: true },
  { name: 'itself, 8-bit keys and values', file: wide, tokens: excerpt, target: { kv: 'q8' }, draft: { kv: 'q8' }, fate: 'some rejected' },
  { name: 'a smaller model', file: q8, drafter: smaller, tokens: excerpt, fate: 'some rejected' },
  { name: 'a larger model', file: q8, drafter: larger, tokens: excerpt },
]

const models = new Map<string, Promise<NativeModel>>()
function modelOf(file: string, draftCopy: boolean): Promise<NativeModel> {
  const key = `${file} ${draftCopy}`
  if (!models.has(key)) models.set(key, loadModel(file, { draftCopy }))
  return models.get(key)!
}
t.teardown(async () => {
  for (const model of models.values()) (await model).close()
})

/** A target's cache to fork from, and what plain decoding writes behind it: once for each kind of target. */
interface Base {
  readonly sequence: NativeSequence
  readonly print: string
  readonly plain: number[]
}
const bases = new Map<string, Promise<Base>>()
async function makeBase(model: NativeModel, kind: SequenceKind | undefined): Promise<Base> {
  const sequence = await primed(model, prompt, kind)
  const print = sequence.fingerprint()
  const { tokens } = await generate({ mode: 'plain', target: sequence.fork(), targetPending: pending(prompt), maxTokens })
  return { sequence, print, plain: tokens }
}
function baseOf(model: NativeModel, key: string, kind: SequenceKind | undefined): Promise<Base> {
  if (!bases.has(key)) bases.set(key, makeBase(model, kind))
  return bases.get(key)!
}

t.test('lossless greedy is plain greedy for every draft length and drafter, and both caches equal a fresh prefill', async (t) => {
  let [proposed, confirmed] = [0, 0]
  for (const [who, draftLength, ngram] of combinations(cases, draftLengths, ngrams)) {
    const file = await who.file()
    const model = await modelOf(file, who.draftCopy ?? false)
    const drafter = who.drafter ? await modelOf(await who.drafter(), false) : model
    const { sequence: base, plain } = await baseOf(model, `${file} ${who.draftCopy} ${JSON.stringify(who.target)}`, who.target)
    t.ok(new Set(plain).size > 3, 'the text is not one token over and over')
    const [sequence, draftSequence] = [base.fork(), await primed(drafter, who.tokens, who.draft)]
    const { tokens, stats } = await generate({
      mode: 'lossless',
      ...pair(sequence, draftSequence, prompt, who.tokens),
      draftLength,
      ngram,
      // Random text quotes nothing: half of what will be written makes some proposals right.
      ngramSource: Int32Array.from([...plain.slice(0, maxTokens / 2), ...who.tokens]),
      maxTokens,
    })
    const what = `${who.name}, draft length ${length(draftLength)}, n-grams ${ngram ? 'on' : 'off'}`
    t.same(tokens, plain, what)
    proposed += stats.ngramProposed
    confirmed += stats.ngramAccepted
    if (!ngram) t.equal(stats.ngramProposed + stats.roundsCascade + stats.roundsNgram, 0)
    if (draftLength > 0) {
      t.ok(stats.drafted > 0, `${what}: there were drafts`)
      if (who.fate === 'all accepted') t.equal(stats.accepted, stats.drafted, `${what}: the same model on the same text is never rejected`)
      if (who.fate === 'some rejected') t.ok(stats.accepted < stats.drafted, `${what}: rejections happened`)
    }
    for (const [cache, of, start, kind] of [
      [sequence, model, prompt, who.target],
      [draftSequence, drafter, who.tokens, who.draft],
    ] as const) {
      const committed = [...start, ...tokens].slice(0, cache.length)
      t.ok(cache.length >= start.length - 1, `${what}: the cache keeps its prompt`)
      t.equal(cache.fingerprint(), await freshPrint(of, committed, kind), `${what}: ${cache === sequence ? 'target' : 'drafter'} cache`)
      cache.close()
    }
  }
  for (const base of bases.values()) {
    const { sequence, print } = await base
    t.equal(sequence.fingerprint(), print, 'a sequence that was forked is untouched')
  }
  t.ok(proposed > 0 && confirmed > 0, `n-grams were used: ${confirmed} of ${proposed} tokens confirmed`)
})

t.test('exact mode gives one text for every draft length, greedy and sampled', async (t) => {
  for (const who of cases.filter(({ draft, drafter }) => !drafter && draft?.kv !== 'q8')) {
    const model = await modelOf(await who.file(), who.draftCopy ?? false)
    const [target, drafter] = [await primed(model, prompt), await primed(model, who.tokens, who.draft)]
    for (const temperature of [0, 0.8]) {
      const texts = []
      for (const [draftLength, ngram] of combinations(choose([0, 4, 16, -1], [0, 1, 4, 11, 16, -1]), ngrams)) {
        const sequences = pair(target.fork(), drafter.fork(), prompt, who.tokens)
        const options = { ngram, ngramSource: Int32Array.from(excerpt), temperature, seed: 11n, maxTokens: 40 }
        texts.push((await generate({ mode: 'exact', ...sequences, draftLength, ...options })).tokens)
      }
      for (const text of texts.slice(1)) t.same(text, texts[0], `${who.name}, temperature ${temperature}`)
    }
    for (const sequence of [target, drafter]) sequence.close()
  }
})

t.test('a second half after an interruption is the uninterrupted text', async (t) => {
  const model = await modelOf(await q8(), false)
  const request = { mode: 'plain', targetPending: pending(prompt) } as const
  const whole = await generate({ ...request, target: await primed(model, prompt), maxTokens: 40 })
  const sequence = await primed(model, prompt)
  const first = await generate({ ...request, target: sequence, maxTokens: 17 })
  const missing = [...prompt, ...first.tokens].slice(sequence.length)
  const second = await generate({ mode: 'plain', target: sequence, targetPending: Int32Array.from(missing), maxTokens: 23 })
  t.same([...first.tokens, ...second.tokens], whole.tokens)
})
