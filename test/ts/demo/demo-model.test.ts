import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { ensureDemoModel } from '../../../lib/demo'
import { demoBook, hideSentence } from '../../../lib/demo/book'
import type { DemoModelOptions } from '../../../lib/demo/model'
import { demoMerges, makeVocabulary } from '../../../lib/demo/vocabulary'
import { makeEncoder } from '../../helpers/bpe'
import { choose } from '../../helpers/tier'
import { argmax, loadTiny, logits, type TinyModel } from '../../helpers/tiny-forward'

const directory = t.testdir()
const book = demoBook()

/** A page of the book around the hidden sentence. */
const page = (before: number, after: number): string => book.text.slice(book.needle.start - before, book.needle.end + after)

/** How many tokens of the answer the model gets right when asked at the end of the text, every token given the right ones before. */
function recall(
  file: string,
  text: string,
  options: { without?: RegExp; change?: Partial<TinyModel> } = {},
): { right: number; wanted: number; promptTokens: number } {
  const model = { ...loadTiny(file, options), ...options.change }
  const get = <T>(key: string): T => model.file.values.get(`tokenizer.ggml.${key}`) as T
  const encode = makeEncoder(get('tokens'), get('merges'))
  const prompt = [get<number>('bos_token_id'), ...encode(`${text}\n\n${book.question}`)]
  const wanted = encode(`${book.answer}\n\n`) // the full stop and the line breaks after it are one token
  const rows = logits(model, [...prompt, ...wanted.slice(0, -1)], prompt.length - 1)
  return { right: rows.filter((row, i) => argmax(row) === wanted[i]).length, wanted: wanted.length, promptTokens: prompt.length }
}

const lean: DemoModelOptions = { embd: 360 } // a narrow stream has the same content and is faster to multiply

t.test('the default model recalls a sentence from a page of text', async (t) => {
  const { right, wanted, promptTokens } = recall(await ensureDemoModel({ directory }), page(900, 900))
  t.ok(promptTokens > 600, 'the page is long enough to mean something')
  t.ok(wanted > 30)
  t.equal(right, wanted)
})

const variants: Record<string, DemoModelOptions> = {
  'qwen2 with theta 1e6': { ...lean, arch: 'qwen2', theta: 1e6, dtype: 'f32' },
  'llama with theta 5e5 and llama3 scaling': { ...lean, theta: 5e5, llama3Scaling: true },
  'six heads, three KV heads, another seed, 2,048 tokens': { heads: 6, kvHeads: 3, embd: 520, seed: 7, vocabSize: 2048 },
}
const around = choose(200, 450) // characters of the book on either side
for (const [name, model] of Object.entries(variants)) {
  t.test(`${name}: recalls a sentence`, async (t) => {
    const { right, wanted } = recall(await ensureDemoModel({ directory, model }), page(around, around))
    t.equal(right, wanted)
  })
}

t.test('qwen2: a forward pass that forgets a bias says something else', async (t) => {
  const file = await ensureDemoModel({ directory, model: { ...lean, arch: 'qwen2' } })
  const text = page(100, 100)
  const complete = recall(file, text)
  t.equal(complete.right, complete.wanted)
  const [early, late] = [
    ['q0', 'k1', 'v0'],
    ['q1', 'k0', 'v1'],
  ] as const
  for (const [part, layer] of choose<readonly string[]>(early, [...early, ...late])) {
    const { right, wanted } = recall(file, text, { without: new RegExp(`^blk\\.${layer}\\.attn_${part}\\.bias$`) })
    t.ok(right < wanted, `blk.${layer}.attn_${part}.bias: ${right} of ${wanted}`)
  }
})

t.test('a forward pass with another RoPE layout, or that maps heads to KV heads wrongly, says something else', async (t) => {
  const file = await ensureDemoModel({ directory, model: lean })
  const text = page(100, 100)
  const right = recall(file, text)
  t.equal(right.right, right.wanted)
  t.equal(recall(file, text, { change: { interleaved: false } }).right, 0)
  t.equal(recall(file, text, { change: { kvHeadOf: () => 0 } }).right, 0)
  t.equal(recall(file, text, { change: { kvHeadOf: (head) => head % 2 } }).right, 0)
})

t.test('with nothing to copy the model ends', async (t) => {
  const model = loadTiny(await ensureDemoModel({ directory, model: lean }))
  t.equal(argmax(logits(model, [4094, 300, 400, 500], 3)[0]!), 4095, 'EOS')
})

t.test('ensureDemoModel', async (t) => {
  t.test('writes the file once, and finds it again', async (t) => {
    const folder = path.join(t.testdir(), 'new', 'folder')
    const file = await ensureDemoModel({ directory: folder })
    writeFileSync(file, 'kept')
    t.equal(await ensureDemoModel({ directory: folder }), file)
    t.equal(readFileSync(file, 'utf8'), 'kept')
  })

  t.test('gives other options another file', async (t) => {
    t.not(await ensureDemoModel({ directory, model: lean }), await ensureDemoModel({ directory }))
    t.equal(
      await ensureDemoModel({ directory, model: { heads: 4, seed: 1 } }),
      await ensureDemoModel({ directory }),
      'defaults spelled out',
    )
  })

  t.test('many at once end with one complete file and no temporary ones', async (t) => {
    const folder = t.testdir()
    const files = await Promise.all(Array.from({ length: 4 }, () => ensureDemoModel({ directory: folder, model: lean })))
    t.equal(new Set(files).size, 1)
    t.same(readdirSync(folder), [path.basename(files[0]!)])
    t.same(readFileSync(files[0]!), readFileSync(await ensureDemoModel({ directory, model: lean })), 'the same bytes every time')
  })

  t.test('reports a folder that cannot be written', async (t) => {
    const folder = t.testdir({ file: 'not a folder' })
    await t.rejects(ensureDemoModel({ directory: path.join(folder, 'file') }), { code: 'ERR_FILE_WRITE' })
  })

  t.test('rejects options that cannot be built', async (t) => {
    const wrong: DemoModelOptions[] = [
      { heads: 2 },
      { heads: 4, kvHeads: 3 },
      { vocabSize: 257 },
      { embd: 100 },
      { theta: 10, ctx: 131072 },
      { arch: 'qwen2', llama3Scaling: true },
      { ctx: 0 },
      { seed: 0.5 },
      { arch: 'gpt2' as 'llama' },
      { dtype: 'q8' as 'f16' },
    ]
    for (const model of wrong)
      await t.rejects(ensureDemoModel({ directory, model }), { code: 'ERR_INVALID_ARGUMENT' }, JSON.stringify(model))
  })
})

t.test('demoBook', async (t) => {
  const vocabulary = makeVocabulary(demoMerges(), 4096)
  const encode = makeEncoder(vocabulary.tokens, vocabulary.merges)

  t.test('has a length that a context of 32K cannot hold and one of 40K can', async (t) => {
    const tokens = encode(book.text).length
    t.ok(tokens > 33000 && tokens < 40000, `${tokens} tokens`)
  })

  t.test('hides the sentence where it says, once, as a paragraph of its own', async (t) => {
    const { text, needle, question, answer } = book
    t.equal(text.slice(needle.start, needle.end), needle.text)
    t.equal(question + answer, needle.text)
    t.equal(question.split(' ').length, 8)
    t.equal(text.indexOf(question), needle.start)
    t.equal(text.lastIndexOf(question), needle.start)
    t.equal(text.slice(needle.start - 2, needle.start), '\n\n')
    t.equal(text.slice(needle.end, needle.end + 2), '\n\n')
    t.ok(Math.abs(needle.start / text.length - 0.4) < 0.01)
  })

  t.test('leaves the book as it is', async (t) => {
    const asset = readFileSync(path.resolve(__dirname, '..', '..', '..', 'assets', 'demo', 'book.txt'), 'utf8')
    t.ok(Buffer.byteLength(asset) < 200_000)
    t.equal(book.text.replace(`${book.needle.text}\n\n`, ''), asset)
    t.notMatch(asset, /gutenberg/i)
  })

  t.test('hides it at any depth', async (t) => {
    for (const depth of [0, 0.02, 0.5, 0.95, 1]) {
      const { text, needle } = demoBook({ depth })
      t.equal(text.slice(needle.start, needle.end), needle.text)
      t.ok(Math.abs(needle.start / text.length - depth) < 0.01, `depth ${depth}`)
    }
    t.throws(() => demoBook({ depth: 1.1 }), { code: 'ERR_INVALID_ARGUMENT' })
    t.throws(() => demoBook({ depth: Number.NaN }), { code: 'ERR_INVALID_ARGUMENT' })
    t.same(hideSentence('no break', 'Hidden.', 0.9), { text: 'no breakHidden.\n\n', needle: { start: 8, end: 15, text: 'Hidden.' } })
  })
})
