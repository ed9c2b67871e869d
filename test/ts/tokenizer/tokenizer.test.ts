import t from 'tap'
import { RagdraftError } from '../../../lib/base/errors'
import { finish } from '../../../lib/base/steps'
import { tokenizerFromGguf } from '../../../lib/tokenizer/from-gguf'
import { mergePairs } from '../../../lib/tokenizer/merge'
import { preTokenize, preTokenizer } from '../../../lib/tokenizer/pre-tokenizer'
import { choose } from '../../helpers/tier'
import { random, randomText, tinyBpe, tinyLlama3, tinyQwen2, tinySpm, type } from '../../helpers/tiny-vocabulary'

const code = (expected: string, mention: string | RegExp = '') => ({ code: expected, message: mention === '' ? String : mention })
const names = (tokenizer: ReturnType<typeof tokenizerFromGguf>, ids: Int32Array): string[] =>
  Array.from(ids, (id) => tokenizer.decode([id], { special: true }))

t.test('reads the control tokens of the metadata', (t) => {
  const llama = tokenizerFromGguf(tinyLlama3())
  t.match(llama, { model: 'gpt2', pre: 'llama-bpe', vocabSize: 266, bosToken: 260, eosToken: 265, addEos: false, addSpacePrefix: false })
  t.equal(llama.addBos, true, 'Llama 3 files mean BOS without saying so')
  t.strictSame(llama.stopTokens, [261, 264, 265])

  const qwen = tokenizerFromGguf(tinyQwen2())
  t.match(qwen, { pre: 'qwen2', addBos: false })
  t.strictSame(qwen.stopTokens, [260, 262])

  const other = tokenizerFromGguf(tinyLlama3({ 'tokenizer.ggml.eot_token_id': 5, 'tokenizer.ggml.eom_token_id': 4294967295 }))
  t.strictSame(other.stopTokens, [5, 261, 264, 265], 'EOT as the file says; -1 means none')

  const gpt2 = tokenizerFromGguf(tinyBpe([], [], { 'tokenizer.ggml.pre': 'gpt-2' }))
  t.match(gpt2, { bosToken: null, eosToken: null, addBos: false, stopTokens: [] })

  const spm = tokenizerFromGguf(tinySpm([]))
  t.match(spm, { model: 'llama', pre: 'default', bosToken: 1, eosToken: 2, addBos: true, addEos: false, addSpacePrefix: true })
  t.strictSame(spm.stopTokens, [2])
  t.equal(tokenizerFromGguf(tinySpm([], { 'tokenizer.ggml.add_bos_token': false })).addBos, false)
  t.end()
})

t.test('refuses tokenizers that it does not know by their names', (t) => {
  t.throws(() => tokenizerFromGguf({ 'tokenizer.ggml.model': 'bert' }), code('ERR_UNSUPPORTED_TOKENIZER', /"bert"/))
  t.throws(() => tokenizerFromGguf(tinyBpe([], [], { 'tokenizer.ggml.pre': 'falcon' })), code('ERR_UNSUPPORTED_TOKENIZER', /"falcon"/))
  t.end()
})

t.test('refuses metadata that is incomplete or contradicts itself', (t) => {
  const without = (key: string, metadata = tinyBpe()) => Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== key))
  const cases: [string, ReturnType<typeof tinyBpe>][] = [
    ['no model', {}],
    ['model is a number', tinyBpe([], [], { 'tokenizer.ggml.model': 1 })],
    ['no tokens', without('tokenizer.ggml.tokens')],
    ['empty tokens', tinyBpe([], [], { 'tokenizer.ggml.tokens': [] })],
    ['tokens are numbers', tinyBpe([], [], { 'tokenizer.ggml.tokens': [1, 2] })],
    ['fewer types than tokens', tinyBpe([], [], { 'tokenizer.ggml.token_type': [1] })],
    ['types are strings', tinyBpe([], [], { 'tokenizer.ggml.token_type': new Array(256).fill('1') })],
    ['no merges', without('tokenizer.ggml.merges')],
    ['a merge of one token', tinyBpe([], [], { 'tokenizer.ggml.merges': ['ab'] })],
    ['a merge with nothing', tinyBpe([], [], { 'tokenizer.ggml.merges': ['a '] })],
    ['BOS beyond the vocabulary', tinyBpe([], [], { 'tokenizer.ggml.bos_token_id': 256 })],
    ['EOS a fraction', tinyBpe([], [], { 'tokenizer.ggml.eos_token_id': 0.5 })],
    ['add_bos_token a string', tinyLlama3({ 'tokenizer.ggml.add_bos_token': 'yes' })],
    ['a byte without a token', tinyBpe([], [], { 'tokenizer.ggml.tokens': ['a'], 'tokenizer.ggml.token_type': [1] })],
    ['no scores', without('tokenizer.ggml.scores', tinySpm([]))],
    ['a score that is no number', tinySpm([['a', Number.NaN]])],
    [
      'neither byte tokens nor an unknown token',
      {
        'tokenizer.ggml.model': 'llama',
        'tokenizer.ggml.tokens': ['a'],
        'tokenizer.ggml.scores': [0],
        'tokenizer.ggml.unknown_token_id': -1,
      },
    ],
  ]
  for (const [what, metadata] of cases) t.throws(() => tokenizerFromGguf(metadata), code('ERR_INVALID_MODEL'), what)
  t.end()
})

t.test('keeps control tokens out of plain text and finds them in templates', (t) => {
  const tokenizer = tokenizerFromGguf(tinyLlama3())
  const text = 'the <|eot_id|> the<|end_of_text|>'
  t.notOk(tokenizer.encode(text).some((id) => tokenizer.isControl(id)))
  t.equal(tokenizer.decode(tokenizer.encode(text)), text)
  const template = tokenizer.encodeTemplate(text)
  t.strictSame(
    names(tokenizer, template).filter((name) => name.includes('|')),
    ['<|eot_id|>', '<|end_of_text|>'],
  )
  t.equal(tokenizer.decode(template), 'the  the')
  t.equal(tokenizer.decode(template, { special: true }), text)
  t.end()
})

t.test('a control token cannot be merged together either', (t) => {
  // The merges lead to "<s>" and the whole piece is in the vocabulary; both must fall back to bytes.
  const tokenizer = tokenizerFromGguf(tinyBpe(['Ġ s'], [['Ġs>', type.control]], { 'tokenizer.ggml.merges': ['Ġ s', 'Ġs >'] }))
  t.strictSame(names(tokenizer, tokenizer.encode(' s>')), [' s', '>'])
  const merged = tokenizerFromGguf(tinyBpe(['a b'], [['abc', type.control]], { 'tokenizer.ggml.merges': ['a b', 'ab c'] }))
  t.strictSame(names(merged, merged.encode('abc')), ['a', 'b', 'c'])
  t.end()
})

t.test('takes user-defined tokens as text, unless they are spelled like markers', (t) => {
  const tokenizer = tokenizerFromGguf(
    tinyBpe(
      ['a b'],
      [
        ['abab', type.userDefined],
        ['ab', type.userDefined],
        ['<tool_call>', type.userDefined],
        ['[PAD7]', type.userDefined],
      ],
    ),
  )
  t.strictSame(names(tokenizer, tokenizer.encode('xababab')), ['x', 'abab', 'ab'], 'the longest first')
  t.notOk(tokenizer.encode('<tool_call>[PAD7]').some((id) => id >= 257))
  t.strictSame(names(tokenizer, tokenizer.encodeTemplate('<tool_call>[PAD7]')), ['<tool_call>', '[PAD7]'])
  t.end()
})

t.test('takes markers for control tokens where a file calls them normal', (t) => {
  const tokenizer = tokenizerFromGguf(
    tinyBpe(
      [],
      [
        ['<|im_end|>', type.normal],
        ['<s>', type.normal],
      ],
      { 'tokenizer.ggml.bos_token_id': 257 },
    ),
  )
  t.strictSame(tokenizer.stopTokens, [256])
  t.equal(tokenizer.isControl(257), true)
  t.end()
})

t.test('SentencePiece: merges the best score first, falls back to bytes', (t) => {
  const tokenizer = tokenizerFromGguf(
    tinySpm([
      ['▁', -5],
      ['a', -5],
      ['b', -5],
      ['c', -5],
      ['ab', -2],
      ['bc', -1],
      ['▁a', -3],
      ['▁▁', -4],
    ]),
  )
  const encoded = (text: string): string[] => names(tokenizer, tokenizer.encode(text))
  t.strictSame(encoded('abc').join('|'), 'a|bc', 'the space prefix is in the ids but not in the text')
  t.strictSame([...tokenizer.encode('abc')].length, 2)
  t.strictSame([...tokenizer.encode('')], [])
  const bytes = tokenizer.encode('aé')
  t.strictSame([...bytes].slice(1), [3 + 0xc3, 3 + 0xa9])
  t.equal(tokenizer.decode(bytes), 'aé')
  t.strictSame([...tokenizer.encode('<0x0A>')].includes(3 + 10), false, 'a byte token cannot be spelled')
  t.equal(tokenizer.decode(tokenizer.encode('<s></s><unk><0x0A>')), '<s></s><unk><0x0A>')
  for (const text of ['  abc', 'abc  ', ' ', 'a b  c']) t.equal(tokenizer.decode(tokenizer.encode(text)), text)
  t.end()
})

t.test('SentencePiece: the space prefix comes at the start and after control tokens of a template', (t) => {
  const pieces: [string, number][] = [
    ['▁', -5],
    ['a', -5],
    ['▁a', -3],
  ]
  const tokenizer = tokenizerFromGguf(tinySpm(pieces))
  const [space, a, spaceA] = [259, 260, 261]
  t.strictSame([...tokenizer.encode('a')], [spaceA])
  t.strictSame([...tokenizer.encodeTemplate('<s>a</s>a')], [1, spaceA, 2, spaceA])
  t.strictSame([...tokenizer.encodeTemplate('a a', { continues: true })], [a, spaceA])
  t.strictSame([...tokenizer.encodeTemplate(' ', { continues: true })], [space])
  const plain = tokenizerFromGguf(tinySpm(pieces, { 'tokenizer.ggml.add_space_prefix': false }))
  t.strictSame([...plain.encode('a')], [a])
  t.equal(plain.decode([spaceA]), ' a', 'no prefix, nothing to take off')
  t.end()
})

t.test('SentencePiece: without a byte token the unknown token stands in', (t) => {
  const tokenizer = tokenizerFromGguf({
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '▁', 'a', '▁a'],
    'tokenizer.ggml.scores': [0, 0, 0, -1, -1, -1],
  })
  t.strictSame([...tokenizer.encode('aé')], [5, 0, 0])
  t.strictSame([...tokenizer.stopTokens], [2], 'markers are control tokens even without token types')
  t.end()
})

t.test('SentencePiece: cutting a text where no token spans gives the ids of the whole text', (t) => {
  // Tokens with a space in the middle and across punctuation: the cuts must not be at words.
  const next = random(3)
  const letters = ['▁', 'a', 'b', '.', '中', '😁']
  const pieces = new Map<string, number>(letters.map((letter) => [letter, -100]))
  for (let i = 0; i < 60; i++) {
    const known = [...pieces.keys()]
    pieces.set(known[next(known.length)]! + known[next(known.length)]!, -next(40))
  }
  const metadata = tinySpm([...pieces])
  const tokenizer = tokenizerFromGguf(metadata)
  const ids = new Map([...pieces.keys()].map((piece, index) => [piece, 259 + index]))
  const slow = (text: string): number[] => {
    const symbols = [...`▁${text.replaceAll(' ', '▁')}`]
    for (;;) {
      let best = -1
      for (let i = 0; i + 1 < symbols.length; i++) {
        const score = pieces.get(symbols[i]! + symbols[i + 1]!)
        if (score !== undefined && (best < 0 || score > pieces.get(symbols[best]! + symbols[best + 1]!)!)) best = i
      }
      if (best < 0) return symbols.map((symbol) => ids.get(symbol)!)
      symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!)
    }
  }
  const texts = Array.from({ length: 600 }, () =>
    Array.from({ length: 1 + next(30) }, () => letters[next(letters.length)]!.replace('▁', ' ')).join(''),
  )
  t.strictSame(
    texts.map((text) => [...tokenizer.encode(text)]),
    texts.map(slow),
  )
  t.end()
})

t.test('byte-level BPE gives the same ids with and without the long-piece loop', (t) => {
  const merges = ['a a', 'a b', 'aa aa', 'b a', 'ab a', 'aaaa ab', 'b b', 'bb aa']
  const tokenizer = tokenizerFromGguf(tinyBpe(merges))
  const next = random(4)
  const long = Array.from({ length: 3000 }, () => 'ab'[next(2)]).join('')
  // "ba" at a cut would merge across; c merges with nothing, so it separates without a pre-token of its own.
  const parts = Array.from({ length: 5 }, () => long.slice(next(1000), 1000 + next(900)))
  const apart = parts.flatMap((part) => [...tokenizer.encode(part), 'c'.charCodeAt(0)]).slice(0, -1)
  t.strictSame([...tokenizer.encode(parts.join('c'))], apart)
  t.end()
})

t.test('a long text without a break comes back as it was', (t) => {
  const merges = ['a a', 'aa aa', 'aaaa aaaa']
  const bpe = tokenizerFromGguf(tinyBpe(merges))
  const spm = tokenizerFromGguf(
    tinySpm([
      ['a', -3],
      ['aa', -2],
      ['aaaa', -1],
    ]),
  )
  for (const tokenizer of [bpe, spm, tokenizerFromGguf(tinyBpe([], [], { 'tokenizer.ggml.pre': 'deepseek-llm' }))]) {
    for (const text of ['a'.repeat(300_000), `${' '.repeat(300_000)}a`]) {
      t.ok(tokenizer.decode(tokenizer.encode(text)) === text, tokenizer.pre)
    }
  }
  t.end()
})

/** Merges that a text of these letters is full of, each making a token of at most `longest` letters. */
function someMerges(letters: string, count: number, longest: number, seed: number): string[] {
  const next = random(seed)
  const tokens = [...letters]
  const merges: string[] = []
  while (merges.length < count) {
    const [left, right] = [tokens[next(tokens.length)]!, tokens[next(tokens.length)]!]
    if (left.length + right.length > longest || tokens.includes(left + right)) continue
    tokens.push(left + right)
    merges.push(`${left} ${right}`)
  }
  return merges
}

/** What merging means: over and over, the whole text is searched for the best pair, and its leftmost occurrence merged. */
function mergedSlowly(text: string, rankOf: (left: string, right: string) => number | undefined): string[] {
  const symbols = [...text]
  for (;;) {
    let best = -1
    let least = Infinity
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = rankOf(symbols[i]!, symbols[i + 1]!) ?? Infinity
      if (rank < least) {
        least = rank
        best = i
      }
    }
    if (best < 0) return symbols
    symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!)
  }
}

const wordLetters = { dna: 'ACGT', base64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', minified: '(){};=!&|+' }
function word(letters: string, length: number, seed: number): string {
  const next = random(seed)
  return Array.from({ length }, () => letters[next(letters.length)]).join('')
}
/** Both families with these merges; the scores of SentencePiece rank them alike. */
function bothTokenizers(letters: string, merges: readonly string[]) {
  const pieces = [...letters, '▁'].map((letter): [string, number] => [letter, -1e6])
  const merged = merges.map((merge, rank): [string, number] => [merge.replace(' ', ''), -rank])
  return [tokenizerFromGguf(tinyBpe([...merges])), tokenizerFromGguf(tinySpm([...pieces, ...merged]))]
}

t.test('a word of thousands of letters is encoded as a slow search for the best pair encodes it', (t) => {
  for (const [name, letters] of Object.entries(wordLetters)) {
    const merges = someMerges(letters, 120, 9, 11)
    for (const [at, length] of [600, 1500, 3000].entries()) {
      const text = word(letters, length, at)
      // BPE merges two tokens that a merge names, SentencePiece any two that make a token.
      const pairs = new Map(merges.map((merge, rank) => [merge, rank]))
      const made = new Map(merges.map((merge, rank) => [merge.replace(' ', ''), rank]))
      const ranks = [
        (left: string, right: string) => pairs.get(`${left} ${right}`),
        (left: string, right: string) => made.get(left + right),
      ]
      for (const [family, tokenizer] of bothTokenizers(letters, merges).entries()) {
        const want = mergedSlowly(text, ranks[family]!)
        const got = names(tokenizer, tokenizer.encode(text)).filter((piece) => piece !== '') // the space before the text
        t.ok(want.length < length)
        t.strictSame(got, want, `${tokenizer.model}, ${name} of ${length}`)
      }
    }
  }
  t.end()
})

t.test('merging looks at each pair of neighbours a few times, however long the word', (t) => {
  for (const [name, letters] of Object.entries({ ...wordLetters, alike: 'a' })) {
    const merges = letters === 'a' ? ['a a', 'aa aa', 'aaaa aaaa'] : someMerges(letters, 120, 9, 12)
    const ranks = new Map(merges.map((merge, rank) => [merge, rank]))
    for (const length of [1_000, 100_000]) {
      let looks = 0
      const rankOf = (left: string, right: string) => {
        looks++
        return ranks.get(`${left} ${right}`)
      }
      const symbols = finish(mergePairs(word(letters, length, 13).split(''), rankOf))
      t.ok(symbols.length < length, 'something was merged')
      // Every pair once, and the two neighbours of each merge.
      t.ok(looks <= 3 * length, `${name} of ${length}: ${looks} looks`)
    }
  }
  t.end()
})

t.test('a word of a megabyte is encoded with the event loop turning', async (t) => {
  for (const [name, letters] of Object.entries(wordLetters)) {
    const merges = someMerges(letters, 120, 9, 12)
    const text = word(letters, choose(250_000, 1_000_000), 13)
    for (const tokenizer of bothTokenizers(letters, merges)) {
      const about = `${tokenizer.model}, ${name}`
      let turns = 0
      let next = setImmediate(function turn() {
        turns++
        next = setImmediate(turn)
      })
      const ids = await tokenizer.encodeAsync(text)
      clearImmediate(next)
      t.ok(turns >= 3, `${about}: ${turns} turns`)
      t.ok(tokenizer.decode(ids) === text, about)
      const controller = new AbortController()
      setImmediate(() => controller.abort(new Error('enough')))
      await t.rejects(
        tokenizer.encodeAsync(text, { signal: controller.signal }),
        { message: 'enough' },
        `${about} is stopped within the word`,
      )
    }
  }
})

t.test('pre-tokenizers cut as their models were trained', (t) => {
  const pieces = (name: string, text: string): string[] => [...preTokenize(text, preTokenizer(name).steps)]
  const text = "Hello  12345's WE'LL\n\n x!?\u0085"
  t.strictSame(pieces('llama-bpe', text), ['Hello', ' ', ' ', '123', '45', "'s", ' WE', "'LL", '\n\n', ' x', '!?', '\u0085'])
  t.strictSame(pieces('qwen2', text), ['Hello', ' ', ' ', '1', '2', '3', '4', '5', "'s", ' WE', "'LL", '\n\n', ' x', '!?', '\u0085'])
  t.strictSame(pieces('gpt-2', text), ['Hello', ' ', ' 12345', "'s", ' WE', "'", 'LL', '\n\n', ' x', '!?', '\u0085'])
  t.strictSame(pieces('default', text), ['Hello', ' ', ' ', '123', '45', "'", 's', ' WE', "'", 'LL', '\n\n', ' x', '!?', '\u0085'])
  t.strictSame(pieces('deepseek-llm', text), ['Hello', '  ', '12345', "'", 's', ' WE', "'", 'LL', '\n', '\n', ' x', '!?', '\u0085'])
  for (const name of ['llama3', 'llama-v3']) t.equal(preTokenizer(name), preTokenizer('llama-bpe'))
  const next = random(5)
  const texts = Array.from({ length: 200 }, () => randomText(next, 50))
  for (const name of ['llama-bpe', 'qwen2', 'gpt-2', 'default', 'deepseek-llm']) {
    t.strictSame(
      texts.map((text) => pieces(name, text).join('')),
      texts,
      `${name} loses nothing`,
    )
  }
  t.end()
})

t.test('a file without a pre-tokenizer gets the default one', (t) => {
  const { 'tokenizer.ggml.pre': _, ...metadata } = tinyBpe(['1 2', '3 4'])
  const tokenizer = tokenizerFromGguf(metadata)
  t.equal(tokenizer.pre, 'default')
  t.strictSame(names(tokenizer, tokenizer.encode('1234')), ['12', '3', '4'], 'digits in threes')
  t.end()
})

t.test('encodeAsync gives the ids of encode, tells its progress and stops on a signal', async (t) => {
  const next = random(6)
  const text = randomText(next, choose(120_000, 400_000))
  const bpe = tokenizerFromGguf(tinyLlama3({ 'tokenizer.ggml.pre': 'llama-bpe' }))
  const spm = tokenizerFromGguf(
    tinySpm([
      ['▁', -1],
      ['e', -1],
      ['▁e', -1],
    ]),
  )
  const user = tokenizerFromGguf(
    tinyBpe(
      [],
      [
        ['don', type.userDefined],
        ['  ', type.userDefined],
      ],
    ),
  )
  for (const tokenizer of [bpe, spm, user]) {
    const seen: number[] = []
    const ids = await tokenizer.encodeAsync(text, {
      onProgress: (done, total) => {
        t.equal(total, text.length)
        seen.push(done)
      },
    })
    t.ok(Buffer.from(ids.buffer).equals(Buffer.from(tokenizer.encode(text).buffer)))
    t.equal(tokenizer.count(text), ids.length)
    t.ok(seen.length > 1, `${seen.length} slices`)
    t.strictSame(
      seen,
      [...seen].sort((a, b) => a - b),
    )
    t.equal(seen.at(-1), text.length)
  }

  const reason = new Error('enough')
  await t.rejects(bpe.encodeAsync(text, { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  await t.rejects(bpe.encodeAsync(text, { signal: controller.signal, onProgress: () => controller.abort(reason) }), reason)
})

t.test('two encodings under way at once do not disturb each other', async (t) => {
  const tokenizer = tokenizerFromGguf(tinyBpe(['a b'], [['xyz', type.userDefined]], { 'tokenizer.ggml.pre': 'deepseek-llm' }))
  const texts = [7, 8, 9].map((seed) => `xyz ${randomText(random(seed), choose(50_000, 150_000))} xyz`)
  const together = await Promise.all(texts.map((text) => tokenizer.encodeAsync(text)))
  for (const [index, text] of texts.entries()) {
    t.ok(Buffer.from(together[index]!.buffer).equals(Buffer.from(tokenizer.encode(text).buffer)))
  }
})

t.test('reads lone surrogates as U+FFFD and keeps byte order marks', (t) => {
  for (const tokenizer of [tokenizerFromGguf(tinyLlama3()), tokenizerFromGguf(tinySpm([]))]) {
    t.equal(tokenizer.decode(tokenizer.encode('a\ud800b\udc00')), 'a\ufffdb\ufffd')
    t.equal(tokenizer.decode(tokenizer.encode('\ufeffa')), '\ufeffa')
  }
  t.end()
})

t.test('refuses ids outside of the vocabulary', (t) => {
  const tokenizer = tokenizerFromGguf(tinyLlama3())
  for (const id of [-1, 266, 0.5, Number.NaN]) {
    t.throws(() => tokenizer.tokenBytes(id), code('ERR_INVALID_ARGUMENT'))
    t.throws(() => tokenizer.decode([0, id]), code('ERR_INVALID_ARGUMENT'))
    t.throws(() => tokenizer.isControl(id), RagdraftError)
  }
  t.end()
})
