/** A question from ask() to the end of its answer: the demo model and its book at several lengths, every way of drafting. */
import { demoBook, hideSentence } from '../../lib/demo'
import { type AskOptions, ensureDemoModel, loadModel, type Model } from '../../lib/index'
import { type KvType, readAskOptions } from '../../lib/options'
import { chunk, markBestPeer, openPeer, peerSettings, reach, repeat } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { distinct, median, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const plain = 'plain'

export const answers: Suite = {
  name: 'answers',
  summary: 'whole answers of the demo model about its book, by mode and draft length',
  defaults: { depths: [8192, 16384, 32768, 65536], draftLengths: [1, 2, 4, 8, 16], kvs: ['f16'] },
  run,
  table(rows) {
    const header = ['document', 'KV', 'engine', 'setting', 'ms/token', 'plain / this', 'first token ms', 'answer ms', 'accepted', 'drafted']
    const lines = rows.map((r) => {
      const ours = rows.find((o) => o.setting === plain && o.depth === r.depth && o.kv === r.kv)
      const whole = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0))
      return [
        shortCount(r.depth),
        r.kv,
        r.engine,
        r.setting ?? '',
        r.ms.toFixed(2),
        ours ? (ours.ms / r.ms).toFixed(2) : '-',
        whole(r.firstTokenMs),
        whole(r.answerMs),
        whole(r.accepted),
        whole(r.drafted),
      ]
    })
    return [header, ...lines]
  },
  chart(rows) {
    const titleOf = (r: Row) => `${shortCount(r.depth)} tokens, ${r.kv} KV`
    return {
      title: 'Answers of the demo model about its book',
      unit: 'ms for a token of the answer, prompts excluded (lower is better)',
      panels: distinct(rows, titleOf).map((title) => ({
        title,
        groups: rows
          .filter((r) => titleOf(r) === title && (r.engine === 'ragdraft' || r.best))
          .map((r) => ({ label: r.engine === 'ragdraft' ? r.setting! : 'plain', bars: [{ series: r.engine, value: r.ms }] })),
      })),
    }
  },
}

interface Way {
  readonly name: string
  readonly options: AskOptions
}

/** Plain, the automatic draft length in both modes, fixed lengths; all of them with and without n-grams where there is the choice. */
function ways(draftLengths: readonly number[]): Way[] {
  const drafting: Way[] = [
    { name: 'lossless auto', options: { mode: 'lossless' } },
    { name: 'exact auto', options: { mode: 'exact' } },
    ...draftLengths.map((draftLength) => ({ name: `lossless ${draftLength}`, options: { mode: 'lossless', draftLength } as const })),
  ]
  const choices = isAskOption('ngram')
    ? [false, true].flatMap((ngram) =>
        drafting.map(({ name, options }) => ({ name: `${name}, n-gram ${ngram ? 'on' : 'off'}`, options: { ...options, ngram } })),
      )
    : drafting
  return [{ name: plain, options: { mode: 'plain' } }, ...choices]
}

function isAskOption(name: string): boolean {
  try {
    readAskOptions({ [name]: true }, 1)
    return true
  } catch {
    return false // ERR_INVALID_ARGUMENT: not in this version
  }
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const file = options.models[0] === undefined ? await ensureDemoModel() : await modelFile(options.models[0], options.log)
  for (const kv of options.kvs)
    for (const tokens of options.depths) {
      const depth = await askAll(file, tokens, kv, options, rows)
      if (options.peer && !peerMissing()) await peerDecoding(file, tokens, depth, kv, options, rows)
    }
  if (options.peer && peerMissing()) options.log(`without the peer: ${peerMissing()}`)
  return markBestPeer(rows)
}

/** @returns tokens of the longest prompt */
async function askAll(file: string, tokens: number, kv: string, options: SuiteOptions, rows: Row[]): Promise<number> {
  await using model = await loadModel(file, { threads: options.threads })
  const { text, question, answer } = bookOf(model, tokens)
  await using document = await model.open({ text }, { kv: kv as KvType })
  const maxTokens = model.tokenizer.count(answer) // so that no round computes much more than the answer
  let depth = 0
  for (const way of ways(options.draftLengths)) {
    const ask = async () => {
      const start = performance.now()
      const result = await document.ask(question, { ...way.options, maxTokens, stop: '\n\n' })
      if (result.text !== answer) throw new Error(`${way.name} at ${tokens} tokens answered ${JSON.stringify(result.text)}`)
      return { ...result.stats, answerMs: performance.now() - start }
    }
    await ask() // warm-up; what "auto" measures, it knows from here
    const runs = []
    for (let i = 0; i < options.runs; i++) runs.push(await ask())
    const last = runs.at(-1)!
    depth = Math.max(depth, last.promptTokens)
    const row: Row = {
      suite: 'answers',
      engine: 'ragdraft',
      model: modelLabel(file),
      metric: 'answer',
      rows: 1,
      depth: tokens,
      kv,
      ms: median(runs.map((r) => 1000 / r.decodeTokensPerSecond)),
      runs: runs.length,
      setting: way.name,
      tokens: last.decodeTokens,
      drafted: last.drafted,
      accepted: last.accepted,
      firstTokenMs: median(runs.map((r) => r.timeToFirstTokenMs)),
      answerMs: median(runs.map((r) => r.answerMs)),
      readMs: document.readMs,
    }
    rows.push(row)
    options.log(`${tokens} tokens, ${way.name}: ${row.ms.toFixed(2)} ms a token, answer in ${row.answerMs!.toFixed(0)} ms`)
  }
  return depth
}

/** The peer's plain decoding behind as many tokens: what a token costs there does not depend on which tokens they are. */
async function peerDecoding(file: string, tokens: number, depth: number, kv: string, options: SuiteOptions, rows: Row[]): Promise<void> {
  for (const setting of peerSettings(kv, options.peerDefaults)) {
    const peer = await openPeer({ file, kv, threads: options.threads, contextTokens: depth + chunk, setting })
    try {
      await reach(peer, depth)
      await peer.decode() // warm-up
      const measured = await repeat(8 * options.runs, 3, () => peer.decode())
      const where = { suite: 'answers', model: modelLabel(file), metric: 'answer', rows: 1, depth: tokens, kv } as const
      rows.push({ ...where, engine: peer.name, ...measured, setting })
      options.log(`node-llama-cpp (${setting}) behind ${depth} tokens: ${measured.ms.toFixed(2)} ms a token`)
    } finally {
      await peer.close()
    }
  }
}

/** About `tokens` tokens with the demo's sentence hidden in them: the book, and after it its paragraphs again in other orders. */
export function bookOf(model: Pick<Model, 'tokenizer'>, tokens: number): { text: string; question: string; answer: string } {
  const { text: whole, needle, question, answer } = demoBook({ depth: 1 })
  const book = whole.slice(0, needle.start)
  const characters = Math.round(tokens * (book.length / model.tokenizer.count(book)))
  let text = book
  for (let seed = 1; text.length < characters; seed++) text += `${shuffled(book.trim().split(/\n{2,}/), seed).join('\n\n')}\n\n`
  text = text.slice(0, characters)
  text = text.slice(0, text.lastIndexOf('\n\n') + 2)
  return { text: hideSentence(text, needle.text, 0.4).text, question, answer }
}

/** Fisher and Yates with a small fixed generator: the same order for the same seed. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items]
  let state = seed
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const j = Math.floor((state / 2 ** 32) * (i + 1))
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}
