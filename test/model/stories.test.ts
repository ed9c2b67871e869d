import { existsSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { writeGguf } from '../../lib/demo/gguf/write'
import { convertLlama2c } from '../../tools/models/stories'
import { argmax, loadTiny, logits } from '../helpers/tiny-forward'

const fixtures = path.resolve(__dirname, '..', 'fixtures')
const fixture = path.join(fixtures, 'stories260K.gguf')
const originals = path.resolve(__dirname, '..', '..', '..', 'shared', 'data', 'models')

t.test('an independent forward pass over stories260K prints the golden text', async (t) => {
  const model = loadTiny(fixture)
  const pieces = model.file.values.get('tokenizer.ggml.tokens') as string[]
  const tokens = [1]
  for (let step = 0; step < 60; step++) tokens.push(argmax(logits(model, tokens, tokens.length - 1)[0]!))
  const text = tokens
    .slice(1)
    .map((token) => pieces[token]!.replaceAll('▁', ' ').replace('<0x0A>', '\n'))
    .join('')
  const golden = readFileSync(path.join(fixtures, 'stories260K.greedy200.txt'), 'utf8')
  t.equal(text.trimStart(), golden.slice(0, text.trimStart().length))
  t.ok(text.length > 100)
})

t.test(
  'converting the originals again gives the fixture',
  { skip: existsSync(originals) ? false : 'the original checkpoint is not here' },
  async (t) => {
    const again = path.join(t.testdir(), 'again.gguf')
    const read = (name: string): Buffer => readFileSync(path.join(originals, name))
    await writeGguf(again, convertLlama2c(read('stories260K.bin'), read('tok512.bin'), 'stories260K'))
    t.ok(readFileSync(again).equals(readFileSync(fixture)))
    t.equal(
      readFileSync(path.join(fixtures, 'stories260K.greedy200.txt'), 'utf8'),
      readFileSync(path.join(originals, 'stories260K.greedy200.txt'), 'utf8'),
    )
  },
)

t.test(
  'a checkpoint whose size contradicts its header is refused',
  { skip: existsSync(originals) ? false : 'the original checkpoint is not here' },
  async (t) => {
    const checkpoint = readFileSync(path.join(originals, 'stories260K.bin'))
    const tokenizer = readFileSync(path.join(originals, 'tok512.bin'))
    t.throws(() => convertLlama2c(checkpoint.subarray(0, -4), tokenizer, 'short'), RangeError)
    t.throws(() => convertLlama2c(Buffer.concat([checkpoint, Buffer.alloc(4)]), tokenizer, 'long'), RangeError)
  },
)
