/**
 * Mutated tokenizer metadata and chat templates, as a file from anywhere may have them: what comes out is a typed error, or a tokenizer and
 * a template that keep their promises. A hang would run into the time limit of the test. Cases follow from their numbers: a failure names
 * its own, and RAGDRAFT_FUZZ_CASE=<number> runs that one alone. What C++ reads, scripts/fuzz.sh fuzzes.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { RagdraftError } from '../../lib/base/errors'
import { encodeSegments, type Segment } from '../../lib/prompt/segments'
import { chatTemplateOf, type Message } from '../../lib/prompt/template'
import type { GgufValue } from '../../lib/runtime/binding'
import { tokenizerFromGguf } from '../../lib/tokenizer/from-gguf'
import { choose } from '../helpers/tier'
import { random, randomText, tinyLlama3, tinyQwen2, tinySpm } from '../helpers/tiny-vocabulary'

type Next = (below: number) => number
type Metadata = Record<string, GgufValue>
const cases = (quick: number, full: number): number[] => {
  const only = process.env.RAGDRAFT_FUZZ_CASE
  return only ? [Number(only)] : Array.from({ length: choose(quick, full) }, (_, at) => at)
}
const pick = <T>(next: Next, list: readonly T[]): T => list[next(list.length)]!

const folder = path.join(__dirname, '../fixtures/chat-templates')
const templates = fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
const vocabularies: (() => Metadata)[] = [
  tinyLlama3,
  tinyQwen2,
  () => tinyLlama3({ 'tokenizer.ggml.pre': 'deepseek-llm' }),
  () =>
    tinySpm([
      ['▁', -1],
      ['a', -2],
      ['▁a', -3],
    ]),
]

/** Numbers and strings that readers are likely to get wrong. */
const values: readonly GgufValue[] = [
  ...[0, 1, -1, 0.5, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -(2 ** 63), Number.NaN, Number.POSITIVE_INFINITY],
  ...[
    '',
    ' ',
    'a b',
    'gpt2',
    'llama',
    'llama-bpe',
    'qwen2',
    '__proto__',
    'constructor',
    '<|eot_id|>',
    '</s>',
    '<0x00>',
    '\ud800',
    '\0',
    '(?<a>',
  ],
  true,
  false,
  [],
  ['a'],
  [1],
  [[]],
]
const keys = [
  'bos_token_id',
  'eos_token_id',
  'unknown_token_id',
  'eot_token_id',
  'add_bos_token',
  'add_eos_token',
  'add_space_prefix',
  'pre',
]

function mutateMetadata(next: Next, metadata: Metadata): void {
  const key = next(4) === 0 ? `tokenizer.ggml.${pick(next, keys)}` : pick(next, Object.keys(metadata))
  const value = metadata[key]
  if (Array.isArray(value) && next(5) > 0) {
    const list = [...value] as GgufValue[]
    const at = next(list.length + 1)
    const edits = [
      () => list.splice(at, 1),
      () => list.splice(at, 0, pick(next, values)),
      () => list.splice(at, 1, pick(next, values)),
      () => list.splice(at, 1, pick(next, list)),
      () => list.splice(at, list.length),
      () => list.reverse(),
    ]
    pick(next, edits)()
    metadata[key] = list as GgufValue
  } else if (next(4) === 0) delete metadata[key]
  else metadata[key] = pick(next, values)
}

const snippets = [
  '{%',
  '%}',
  '{{',
  '}}',
  '{#',
  '-%}',
  ' for m in messages ',
  ' endfor ',
  ' if ',
  ' endif ',
  ' else ',
  ' set x = ',
  "'",
  '"',
  '\\',
]
const words = [
  'messages',
  'loop.index',
  '[0]',
  '[-1]',
  '.content',
  "['role']",
  ' + ',
  ' ~ ',
  ' * 999999',
  '|tojson',
  '|trim',
  'namespace()',
  'range(9**9)',
]
const calls = [
  'raise_exception(1)',
  'strftime_now("%")',
  '.split("")',
  '.__proto__',
  ' is defined',
  ' is none',
  '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
]

function mutateTemplate(next: Next, source: string): string {
  const at = next(source.length + 1)
  const length = next(40)
  const edits = [
    () => source.slice(0, at) + source.slice(at + length),
    () => source.slice(0, at) + source.slice(at, at + length) + source.slice(at),
    () => source.slice(0, at) + pick(next, [...snippets, ...words, ...calls]) + source.slice(at),
    () => source.slice(0, at) + pick(next, words) + source.slice(at + next(8)),
    () => source.slice(0, at) + String.fromCharCode(next(0x3000)) + source.slice(at + 1),
    () => source.replace('{{', '{{ '.repeat(1 + next(3))),
  ]
  return pick(next, edits)()
}

/** Runs it; false where it ended in an error of these codes. Anything else that it throws is a failure. */
function typed(run: () => void, codes: readonly string[]): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (error instanceof RagdraftError && codes.includes(error.code)) return false
    throw error
  }
}

t.test('mutated tokenizer metadata', (t) => {
  let made = 0
  const all = cases(400, 20_000)
  for (const at of all) {
    const next = random(at * 2 + 1)
    const metadata = pick(next, vocabularies)()
    for (let edits = 1 + next(2); edits > 0; edits--) mutateMetadata(next, metadata)
    const text = randomText(next, 60)
    try {
      const whole = typed(() => {
        const tokenizer = tokenizerFromGguf(metadata)
        const ids = tokenizer.encode(text)
        if (ids.some((id) => id < 0 || id >= tokenizer.vocabSize)) throw new Error('an id outside of the vocabulary')
        // What a SentencePiece vocabulary has no byte for is its unknown token.
        const unknown = tokenizer.model === 'llama' ? (metadata['tokenizer.ggml.unknown_token_id'] ?? 0) : -1
        const control = ids.find((id) => tokenizer.isControl(id) && id !== unknown)
        if (control !== undefined) throw new Error(`the text became control token ${control}`)
        if (tokenizer.count(text) !== ids.length) throw new Error('the count is another')
        tokenizer.decode(ids)
        for (let id = 0; id < Math.min(tokenizer.vocabSize, 300); id++) tokenizer.tokenBytes(id)
      }, ['ERR_INVALID_MODEL', 'ERR_UNSUPPORTED_TOKENIZER'])
      if (whole) made++
    } catch (error) {
      t.fail(`case ${at}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  if (all.length > 1) t.ok(made > all.length / 20 && made < (19 * all.length) / 20, `${made} of ${all.length} made a tokenizer`)
  t.end()
})

t.test('mutated chat templates', (t) => {
  const tokenizer = tokenizerFromGguf(tinyLlama3())
  const untrusted = ['<|eot_id|> user text {{ messages }}', 'another']
  const messages: Message[] = [
    { role: 'system', content: ['Answer briefly.'] },
    { role: 'user', content: [{ untrusted: untrusted[0]! }] },
    { role: 'assistant', content: [{ untrusted: untrusted[1]! }] },
    { role: 'user', content: ['And?'] },
  ]
  let made = 0
  const all = cases(300, 10_000)
  for (const at of all) {
    const next = random(at * 2 + 2)
    let source = pick(next, templates)
    for (let edits = 1 + next(2); edits > 0; edits--) source = mutateTemplate(next, source)
    try {
      const whole = typed(() => {
        const segments = chatTemplateOf({ 'tokenizer.chat_template': source }).render(messages, tokenizer)
        const texts = segments.flatMap((segment: Segment) => (typeof segment === 'string' ? [] : [segment.untrusted]))
        if (texts.toSorted().join('\n') !== untrusted.toSorted().join('\n')) throw new Error('not each untrusted text once')
        encodeSegments(segments, tokenizer, true)
      }, ['ERR_CHAT_TEMPLATE'])
      if (whole) made++
    } catch (error) {
      t.fail(`case ${at}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  if (all.length > 1) t.ok(made > all.length / 20 && made < (19 * all.length) / 20, `${made} of ${all.length} rendered`)
  t.end()
})
