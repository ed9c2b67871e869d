/** A question from ask() to the end of its answer: the demo model and its book at several lengths, every way of drafting. */
import { ensureDemoModel } from '../../lib/demo'
import { demoBook, hideSentence } from '../../lib/demo/book'
import { type AskOptions, type DocumentSession, type KvType, loadModel, type Model } from '../../lib/index'
import { markBestPeer, peerKvType, peerOf, peerSettings } from '../compare'
import { chunk, openPeer, peerPlain, withOpened } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { type Cell, distinct, type Measured, median, type Row } from '../report'
import { type Suite, type SuiteOptions, shortCount } from '../suite'

const plain = 'plain'

export const answers: Suite = {
  name: 'answers',
  summary: 'whole answers of the demo model about its book, by mode and draft length',
  defaults: { depths: [8192, 16384, 32768, 65536], draftLengths: [1, 2, 4, 8, 16], kvs: ['f16'] },
  run,
  table(rows) {
    const times = ['ms/token', 'plain / this', 'peer plain / this', 'first token ms', 'answer ms']
    const header = ['document', 'KV', 'engine', 'setting', ...times, 'accepted', 'drafted']
    const lines = rows.map((r) => {
      const ours = rows.find((o) => o.setting === plain && o.depth === r.depth && o.kv === r.kv)
      const peer = peerOf(r, rows)
      const whole = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0))
      return [
        shortCount(r.depth),
        r.kv,
        r.engine,
        r.setting ?? '',
        r.ms.toFixed(2),
        ours ? (ours.ms / r.ms).toFixed(2) : '-',
        peer ? (peer.ms / r.ms).toFixed(2) : '-',
        whole(r.firstTokenMs),
        whole(r.answerMs),
        whole(r.accepted),
        whole(r.drafted),
      ]
    })
    return [header, ...lines]
  },
}

interface Way {
  readonly name: string
  readonly options: AskOptions
}

/** Plain, the automatic draft length in both modes, fixed lengths; all of them with and without n-grams. */
function ways(draftLengths: readonly number[]): Way[] {
  const drafting: Way[] = [
    { name: 'lossless auto', options: { mode: 'lossless' } },
    { name: 'exact auto', options: { mode: 'exact' } },
    ...draftLengths.map((draftLength) => ({ name: `lossless ${draftLength}`, options: { mode: 'lossless', draftLength } as const })),
  ]
  const choices = [false, true].flatMap((ngram) =>
    drafting.map(({ name, options }) => ({ name: `${name}, n-gram ${ngram ? 'on' : 'off'}`, options: { ...options, ngram } })),
  )
  return [{ name: plain, options: { mode: 'plain' } }, ...choices]
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const file = options.models[0] === undefined ? await ensureDemoModel() : await modelFile(options.models[0], options.log)
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  for (const tokens of options.depths) {
    for (const kv of options.kvs) await askAll(file, tokens, kv, options, rows)
    if (!missing) for (const kv of distinct(options.kvs, peerKvType)) await peerDecoding(file, tokens, kv, options, rows)
  }
  return markBestPeer(rows)
}

async function askAll(file: string, tokens: number, kv: string, options: SuiteOptions, rows: Row[]): Promise<void> {
  await withOpened(
    () => openBook(file, tokens, kv, options.threads),
    async (book) => {
      for (const way of ways(options.draftLengths)) {
        const cell: Cell = {
          suite: 'answers',
          engine: 'ragdraft',
          model: modelLabel(file),
          metric: 'answer',
          rows: 1,
          depth: tokens,
          kv,
          setting: way.name,
        }
        rows.push(await options.journal.measure(cell, async () => askOften(await book(), way, options.runs)))
      }
    },
  )
}

interface Book {
  readonly document: DocumentSession
  readonly question: string
  readonly answer: string
  /** Of the answer. */
  readonly tokens: number
  close(): Promise<void>
}

async function openBook(file: string, tokens: number, kv: string, threads: number): Promise<Book> {
  const model = await loadModel(file, { threads })
  const { text, question, answer } = bookOf(model, tokens)
  const document = await model.open({ text }, { kv: kv as KvType })
  return { document, question, answer, tokens: model.tokenizer.count(answer), close: () => model.close() }
}

/** @throws Error for a wrong answer */
async function askOften({ document, question, answer, tokens }: Book, way: Way, runs: number): Promise<Measured> {
  const ask = async () => {
    const start = performance.now()
    // No more tokens than the answer has, so that no round computes much beyond it.
    const result = await document.ask(question, { ...way.options, maxTokens: tokens, stop: '\n\n' })
    if (result.text !== answer) throw new Error(`${way.name} answered ${JSON.stringify(result.text)}`)
    return { ...result.stats, answerMs: performance.now() - start }
  }
  await ask() // warm-up; what "auto" measures, it knows from here
  const all = []
  for (let i = 0; i < runs; i++) all.push(await ask())
  const last = all.at(-1)!
  return {
    ms: median(all.map((r) => 1000 / r.decodeTokensPerSecond)),
    runs,
    tokens: last.decodeTokens,
    drafted: last.drafted,
    accepted: last.accepted,
    firstTokenMs: median(all.map((r) => r.timeToFirstTokenMs)),
    answerMs: median(all.map((r) => r.answerMs)),
    readMs: document.readMs,
  }
}

async function peerDecoding(file: string, tokens: number, kv: string, options: SuiteOptions, rows: Row[]): Promise<void> {
  for (const setting of peerSettings(kv, options.peerDefaults))
    await withOpened(
      () => openPeer({ file, kv, threads: options.threads, contextTokens: tokens + chunk, setting }),
      async (peer) => {
        const cell = { suite: 'answers', engine: 'node-llama-cpp', model: modelLabel(file), metric: 'answer', rows: 1 } as const
        rows.push(await options.journal.measure({ ...cell, depth: tokens, kv, setting }, () => peerPlain(peer, tokens, options)))
      },
    )
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
