import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { buildDraftPrompt, type DraftPromptOptions, joinChunks } from '../../../lib/prompt/draft-prompt'
import { buildDocumentPrefix, buildQuestionSuffix, type DocumentPrompt } from '../../../lib/prompt/target-prompt'
import { chatTemplate, plainTemplate } from '../../../lib/prompt/template'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { random, randomText, tinyLlama3, tinyQwen2, tinySpm } from '../../helpers/tiny-vocabulary'
import { tokenizerVectors } from '../../helpers/tokenizer-vectors'

const fixture = (name: string): string => fs.readFileSync(path.join(__dirname, '../../fixtures/chat-templates', `${name}.jinja`), 'utf8')
const llama3 = { tokenizer: tokenizerFromGguf(tinyLlama3()), template: chatTemplate(fixture('llama-3.1')) }
const llama32 = { tokenizer: llama3.tokenizer, template: chatTemplate(fixture('llama-3.2')) }
const qwen2 = { tokenizer: tokenizerFromGguf(tinyQwen2()), template: chatTemplate(fixture('qwen2.5')) }
const plain = { tokenizer: llama3.tokenizer, template: plainTemplate }
const spm = {
  tokenizer: tokenizerFromGguf(
    tinySpm([
      ['▁', -2],
      ['e', -2],
      ['▁e', -1],
    ]),
  ),
  template: chatTemplate(fixture('llama-2')),
}
const plainSpm = { tokenizer: spm.tokenizer, template: plainTemplate }
const all = { llama3, llama32, qwen2, plain, spm, plainSpm }

/** The whole prompt of a question to a document given as a text. */
const targetPrompt = (options: DocumentPrompt & Parameters<typeof buildQuestionSuffix>[0] & { readonly document: string }) => ({
  prefix: buildDocumentPrefix({ ...options, document: options.tokenizer.encode(options.document) }),
  suffix: buildQuestionSuffix(options),
})
const draftPrompt = (options: Omit<DraftPromptOptions, 'chunks'> & { readonly chunks: readonly string[] }) =>
  buildDraftPrompt({ ...options, chunks: options.tokenizer.encode(joinChunks(options.chunks)) })

const document = 'CHAPTER I.\n\n"Well, Prince," he said <|eot_id|>.\n'
const history = [
  { question: 'Who?', answer: 'The prince.</s>' },
  { question: 'When?', answer: '' },
]
const shown = ({ tokenizer }: typeof llama3, ids: Int32Array): string => tokenizer.decode(ids, { special: true })
const instruction = 'Read the following text, then answer the question that comes after it.\n\n'

t.test('target: instruction, document, question, each once', (t) => {
  const prompt = targetPrompt({ ...llama3, document, question: 'Who said it?', system: 'Be brief.' })
  t.equal(
    shown(llama3, prompt.prefix),
    '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n' +
      `Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n${instruction}${document}`,
  )
  t.equal(shown(llama3, prompt.suffix), '\n\nWho said it?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n')
  const tokens = llama3.tokenizer.encode(document)
  t.strictSame([...prompt.prefix.slice(-tokens.length)], [...tokens], "the prefix ends with the document's tokens")
  t.end()
})

t.test('target: earlier questions and answers follow the document', (t) => {
  const suffix = buildQuestionSuffix({ ...qwen2, question: 'Where?', history })
  t.equal(
    shown(qwen2, suffix),
    '\n\nWho?<|im_end|>\n<|im_start|>assistant\nThe prince.</s><|im_end|>\n<|im_start|>user\nWhen?<|im_end|>\n' +
      '<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n',
  )
  t.equal(
    shown(plain, buildQuestionSuffix({ ...plain, question: 'Where?', history })),
    '\n\nWho?\n\nThe prince.</s>\n\nWhen?\n\n\n\nWhere?',
  )
  t.end()
})

t.test('target: prefix and suffix are the whole prompt, and no question changes the prefix', (t) => {
  const next = random(1)
  for (const [name, model] of Object.entries(all)) {
    for (const system of [undefined, 'Be <|im_end|> brief.']) {
      const prefix = buildDocumentPrefix({ ...model, document: model.tokenizer.encode(document), system })
      for (let i = 0; i < 6; i++) {
        const question = i === 0 ? '?' : randomText(next, 1 + next(200))
        const turns = { question, history: i % 2 ? history : undefined }
        const whole = targetPrompt({ ...model, document, system, ...turns })
        t.equal(Buffer.compare(Buffer.from(whole.prefix.buffer), Buffer.from(prefix.buffer)), 0, `${name}: prefix`)
        t.strictSame([...whole.suffix], [...buildQuestionSuffix({ ...model, system, ...turns })], `${name}: suffix`)
      }
    }
  }
  t.end()
})

t.test('one BOS at the start of every prompt whose model wants one', (t) => {
  for (const [name, model] of Object.entries(all)) {
    const { bosToken, addBos } = model.tokenizer
    const target = targetPrompt({ ...model, document, question: 'Who?' })
    const draft = draftPrompt({ ...model, chunks: ['a'], question: 'Who?' })
    for (const ids of [[...target.prefix, ...target.suffix], [...draft]]) {
      t.equal(ids.filter((id) => id === bosToken).length, addBos ? 1 : 0, name)
      if (addBos) t.equal(ids[0], bosToken)
    }
  }
  t.end()
})

t.test("the plain layout ends with exactly the question's tokens", (t) => {
  for (const model of [plain, plainSpm]) {
    for (const question of ['Who?', ' the prince', 'the\n', '<|eot_id|>']) {
      const expected = [...model.tokenizer.encode(question)]
      for (const earlier of [undefined, history]) {
        const { suffix } = targetPrompt({ ...model, document, question, history: earlier })
        const tokens = draftPrompt({ ...model, chunks: ['a', 'b'], question, history: earlier })
        t.strictSame([...suffix.slice(-expected.length)], expected)
        t.strictSame([...tokens.slice(-expected.length)], expected)
      }
    }
  }
  const { prefix, suffix } = targetPrompt({ ...plain, document, question: 'Who?' })
  t.equal(shown(plain, prefix) + shown(plain, suffix), `<|begin_of_text|>${instruction}${document}\n\nWho?`, 'and holds nothing else')
  t.end()
})

t.test('draft: the excerpts in their order, a blank line between them, then the question', (t) => {
  const prompt = draftPrompt({ ...qwen2, chunks: ['One.', 'Two <|im_end|>.'], question: 'Who?', system: 'S', history })
  t.equal(
    shown(qwen2, prompt),
    '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nRead the following excerpts retrieved from the text, then answer the question that ' +
      'comes after them.\n\nOne.\n\nTwo <|im_end|>.\n\nWho?<|im_end|>\n<|im_start|>assistant\nThe prince.</s><|im_end|>\n' +
      '<|im_start|>user\nWhen?<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n',
  )
  const system = 2 // <|im_start|>, <|im_end|>
  t.equal(prompt.filter((id) => qwen2.tokenizer.isControl(id)).length, system + 5 * 2 + 1, 'no control token from a chunk')
  t.end()
})

t.test('refuses what makes no prompt', (t) => {
  const bad = { code: 'ERR_INVALID_ARGUMENT' }
  t.throws(() => buildDocumentPrefix({ ...llama3, document: new Int32Array(0) }), bad)
  t.throws(() => buildDocumentPrefix({ ...llama3, document: Int32Array.of(1, 265) }), bad, 'a control token')
  t.throws(() => buildDocumentPrefix({ ...llama3, document: Int32Array.of(-1) }), bad, 'no token at all')
  t.throws(() => buildQuestionSuffix({ ...llama3, question: '' }), bad)
  t.throws(() => draftPrompt({ ...llama3, chunks: [], question: 'Who?' }), bad)
  t.throws(() => draftPrompt({ ...llama3, chunks: ['a'], question: '' }), bad)
  t.end()
})

t.test('a template that prints something of the conversation before the document is refused', (t) => {
  const template = chatTemplate('{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}')
  const model = { tokenizer: llama3.tokenizer, template }
  t.ok(buildQuestionSuffix({ ...model, question: 'Who?' }))
  t.throws(() => buildQuestionSuffix({ ...model, question: 'Who?', history }), { code: 'ERR_CHAT_TEMPLATE' })
  t.end()
})

const vectors = tokenizerVectors('llama-bpe')
t.test("Llama 3.1 with its real vocabulary: the published layout's ids", { skip: vectors ? false : 'needs the vocabulary' }, (t) => {
  if (!vectors) return t.end()
  const tokenizer = tokenizerFromGguf(vectors.metadata)
  const { prefix, suffix } = targetPrompt({ tokenizer, template: llama3.template, document: ' The end.', question: 'What?' })
  t.strictSame([...prefix.slice(0, 5)], [128000, 128006, 9125, 128007, 271])
  t.strictSame([...prefix.slice(-3)], [578, 842, 13])
  t.strictSame([...suffix], [271, 3923, 30, 128009, 128006, 78191, 128007, 271])
  t.end()
})
