import { Tokenizer as Library } from '@huggingface/tokenizers'
import t from 'tap'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { random, randomText } from '../../helpers/tiny-vocabulary'
import { longText, noVectors, tokenizerVectors } from '../../helpers/tokenizer-vectors'

const names = ['llama-bpe', 'qwen2', 'gpt-2', 'deepseek-llm', 'llama-spm']
const randomTexts = (seed: number, count: number): string[] => {
  const next = random(seed)
  return Array.from({ length: count }, () => randomText(next, 1 + next(80)))
}
const loaded = names.map((name) => {
  const vectors = tokenizerVectors(name)
  return { name, vectors, tokenizer: vectors ? tokenizerFromGguf(vectors.metadata) : null }
})

for (const { name, vectors, tokenizer } of loaded) {
  t.test(name, { skip: vectors ? false : noVectors }, (t) => {
    if (!vectors || !tokenizer) return t.end()

    t.test('encodes the published test texts to the published ids', (t) => {
      t.ok(vectors.cases.length >= 46)
      const texts = vectors.cases.map(({ text }) => text)
      const published = vectors.cases.map(({ ids }) => ids)
      t.strictSame(
        texts.map((text) => [...tokenizer.encode(text)]),
        published,
      )
      t.strictSame(
        texts.map((text) => [...tokenizer.encodeTemplate(text)]),
        published,
        'as a template: they name no control token',
      )
      t.end()
    })

    t.test('decodes what it encoded', (t) => {
      const texts = randomTexts(1, 500).map((text) => text.replaceAll('▁', ''))
      t.strictSame(
        texts.map((text) => tokenizer.decode(tokenizer.encode(text))),
        texts,
      )
      t.end()
    })

    t.test('encodes a book in slices to the same ids', async (t) => {
      const text = longText('war_and_peace.txt', 600_000)
      let slices = 0
      const ids = await tokenizer.encodeAsync(text, { onProgress: () => slices++ })
      t.ok(Buffer.from(ids.buffer).equals(Buffer.from(tokenizer.encode(text).buffer)))
      t.ok(slices > 0, 'it tells how far it is; how often depends on the machine')
      t.equal(tokenizer.decode(ids), text)
    })

    t.test('yields no control token for a text that spells them all', (t) => {
      const spelled = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
        .filter((id) => tokenizer.isControl(id))
        .map((id) => tokenizer.decode([id], { special: true }))
      t.ok(spelled.length > 0)
      for (const text of [spelled.join(''), spelled.join(' '), `x${spelled.slice(0, 50).join('x')}`]) {
        const ids = tokenizer.encode(text)
        t.notOk(ids.some((id) => tokenizer.isControl(id)))
        t.equal(tokenizer.decode(ids), text)
      }
      t.end()
    })

    t.end()
  })
}

// The expressions of the published tokenizer.json files, run by the library as a whole: another reading of the same definitions.
const expressions: Record<string, string> = {
  'llama-bpe':
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  qwen2: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  'gpt-2': "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
}
for (const { name, vectors, tokenizer } of loaded) {
  const expression = expressions[name]
  if (!expression) continue
  t.test(`${name} agrees with the library's whole pipeline on random text`, { skip: vectors ? false : noVectors }, (t) => {
    if (!vectors || !tokenizer) return t.end()
    const library = new Library(
      {
        normalizer: null,
        post_processor: null,
        decoder: null,
        added_tokens: [],
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: expression }, behavior: 'Isolated', invert: false },
            { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
          ],
        },
        model: {
          type: 'BPE',
          vocab: Object.fromEntries((vectors.metadata['tokenizer.ggml.tokens'] as string[]).map((token, id) => [token, id])),
          merges: vectors.metadata['tokenizer.ggml.merges'] as string[],
          ignore_merges: name === 'llama-bpe',
        },
      },
      {},
    )
    const texts = randomTexts(2, 1000)
    t.strictSame(
      texts.map((text) => [...tokenizer.encode(text)]),
      texts.map((text) => library.encode(text, { add_special_tokens: false }).ids),
    )
    t.end()
  })
}
