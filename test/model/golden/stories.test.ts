/** A really trained model whose author published what it must say: 200 greedy steps from BOS alone. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { generate, loadModel, prefill, readGguf } from '../../helpers/native'

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

  const half = model.createSequence({ contextTokens: 512, kv: 'f16' })
  t.same((await generate({ target: half, targetPending: Int32Array.of(BOS), maxTokens: 200 })).tokens, plain.tokens, 'f16 keys and values')

  // The drafter has read something else: a story's beginning that the target has not seen. test/model/properties/rollback.test.ts has the other
  // draft lengths and drafters.
  const prompt = [BOS, ...tokenizer.encode('Tom had a red ball. He')]
  const drafter = sequence()
  await prefill(drafter, prompt.slice(0, -1))
  const run = await generate({
    mode: 'lossless',
    target: sequence(),
    targetPending: Int32Array.of(BOS),
    draftModel: drafter,
    draftPending: Int32Array.of(prompt.at(-1)!),
    draftLength: 4,
    maxTokens: 200,
  })
  t.same(run.tokens, plain.tokens, 'lossless')
  t.ok(run.stats.accepted > 0 && run.stats.accepted < run.stats.drafted, 'some drafts were accepted, some were not')
  model.close()
})
