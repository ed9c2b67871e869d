/** What is told about a model, loaded or not. */
import t from 'tap'
import { inspectModelWith } from '../../../lib/api/inspect-model'
import { FakeBinding, fakeContents } from '../../helpers/fake-binding'

const reason = new Error('changed my mind')

t.test('inspectModel describes a file without loading it', async (t) => {
  const binding = new FakeBinding({ 'm.gguf': fakeContents({ metadata: { 'tokenizer.chat_template': '{{ messages }}' } }) })
  t.match(await inspectModelWith(binding, 'm.gguf'), {
    path: 'm.gguf',
    fileBytes: 123_456,
    ggufVersion: 3,
    name: 'Fake',
    architecture: 'llama',
    parameters: 64 * 258 + 64,
    layers: 2,
    embedding: 64,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    feedForward: 128,
    vocab: 258,
    contextLength: 65_536,
    rope: { theta: 500_000, scaling: { type: 'llama3' } },
    quantization: [
      { type: 'Q4_K', tensors: 1 },
      { type: 'F32', tensors: 2, bytes: 288 },
    ],
    tokenizer: { model: 'gpt2', pre: 'llama-bpe', tokens: 258, special: { bos: { id: 256, text: '<|begin_of_text|>' } } },
    chatTemplate: '{{ messages }}',
  })
  t.same(binding.loads, [])
  await t.rejects(inspectModelWith(binding, 'm.gguf', { signal: AbortSignal.abort(reason) }), reason)
})

t.test('a file that says little is described as far as it goes', async (t) => {
  const empty = { version: 2, fileBytes: 1, metadata: {}, tensors: [] }
  t.match(await inspectModelWith(new FakeBinding({ 'm.gguf': empty }), 'm.gguf'), {
    architecture: '',
    layers: 0,
    headDim: 0,
    quantization: [],
    chatTemplate: undefined,
  })
})
