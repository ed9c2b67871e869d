/** A really trained model whose author published what it must say: 200 greedy steps from BOS alone. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { tokenizerFromGguf } from '../../lib/tokenizer/from-gguf'
import { generate, loadModel, prefill, readGguf } from '../helpers/native'

const fixtures = path.join(process.cwd(), 'test', 'fixtures')
const file = path.join(fixtures, 'stories260K.gguf')
const golden = fs.readFileSync(path.join(fixtures, 'stories260K.greedy200.txt'), 'utf8').trimEnd()
const BOS = 1

t.test('stories260K prints its golden text', async (t) => {
  const model = await loadModel(file)
  const tokenizer = tokenizerFromGguf((await readGguf(file)).metadata)
  // The author's 200 steps count the start: 200 tokens follow BOS, minus what his loop does not print.
  const decode = (tokens: number[]) => tokenizer.decode(tokens).trimStart()
  const sequence = () => model.createSequence({ contextTokens: 512, kv: 'f32' })
  const plain = await generate({ target: sequence(), targetPending: Int32Array.of(BOS), maxTokens: 200 })
  t.ok(decode(plain.tokens).startsWith(golden), 'plain')
  t.ok(golden.length > 400, 'the golden text is not empty')

  for (const kv of ['f16', 'bf16'] as const) {
    const run = await generate({
      target: model.createSequence({ contextTokens: 512, kv }),
      targetPending: Int32Array.of(BOS),
      maxTokens: 200,
    })
    if (kv === 'f16') t.same(run.tokens, plain.tokens, `${kv} KV gives the same text`)
    else t.equal(run.tokens.length, 200, `${kv} KV runs to the end`)
  }

  for (const draftLength of [1, 2, 3, 4, 7, 10, 16, -1]) {
    // The drafter has read something else: a story's beginning that the target has not seen.
    const prompt = [BOS, ...tokenizer.encode('Tom had a red ball. He')]
    const drafter = sequence()
    await prefill(drafter, prompt.slice(0, -1))
    const run = await generate({
      mode: 'lossless',
      target: sequence(),
      targetPending: Int32Array.of(BOS),
      drafter,
      drafterPending: Int32Array.of(prompt.at(-1)!),
      draftLength,
      maxTokens: 200,
    })
    t.same(run.tokens, plain.tokens, `lossless, draft length ${draftLength < 0 ? 'auto' : draftLength}`)
    t.ok(draftLength < 0 || run.stats.accepted > 0, 'some drafts were accepted')
  }
  model.close()
})
