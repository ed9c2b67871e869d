import t from 'tap'
import { finish } from '../../../lib/base/steps'
import { type Citation, QuoteIndex } from '../../../lib/cite/quote-index'
import type { Span } from '../../../lib/document/chunk'
import { book, integer, pick, prose, seeded } from '../../helpers/random-text'

const DOCUMENT = [
  'It was a dark night. “Who goes there?” said the old watchman, and nobody answered him.\r\n',
  'The treasure lies buried under the\r\nthird oak behind the mill, six feet down. Nobody ever looked there.\r\n\r\n',
  'Later the watchman slept. It was a dark night, and the mill stood still.',
].join('')

const findQuotes = (document: string, answer: string, within: Span[] = []): Citation[] =>
  finish(finish(QuoteIndex.build(document)).find(answer, within))
const quotes = (answer: string, within: Span[] = [], document = DOCUMENT): string[] =>
  findQuotes(document, answer, within).map(({ text }) => text)

t.test('a quoted passage is cited with exact offsets and the characters of the document', async (t) => {
  const answer = 'The treasure lies buried under the third oak behind the mill, six feet down.'
  const start = DOCUMENT.indexOf('The treasure')
  const end = DOCUMENT.indexOf(' Nobody ever')
  t.same(findQuotes(DOCUMENT, answer), [{ start, end, text: DOCUMENT.slice(start, end) }])
  t.match(DOCUMENT.slice(start, end), /under the\r\nthird/)
})

t.test('an answer that continues a sentence is cited at exactly the quoted characters', async (t) => {
  t.same(quotes('buried under the third oak behind'), ['buried under the\r\nthird oak behind'])
  t.same(quotes(' under the third oak behind the mill, six feet down. Nobody'), [
    'under the\r\nthird oak behind the mill, six feet down. Nobody',
  ])
})

t.test('a word that the end of the answer cuts off is left out', async (t) => {
  t.same(quotes('The treasure lies buried under the third oa'), ['The treasure lies buried under the\r\nthird'])
  t.same(quotes('easure lies buried under the third oak'), ['lies buried under the\r\nthird oak'])
})

t.test('whitespace, quotation marks and the case of the first letter may differ', async (t) => {
  t.same(quotes('He wrote: "Who goes there?"   said the\told watchman!'), ['“Who goes there?” said the old watchman'])
  t.same(quotes('Lies buried under the third oak.'), ['lies buried under the\r\nthird oak'])
  t.same(quotes('Under the third oak behind'), ['under the\r\nthird oak behind'], 'five words, the first by its case')
})

t.test('other words, punctuation, joins and inner case may not', async (t) => {
  t.same(quotes('The treasure was buried under the third oak behind a mill'), ['buried under the\r\nthird oak behind'])
  t.same(quotes('and nobody, answered him'), [])
  t.same(quotes('buried under The third oak behind'), [])
  t.same(quotes('buried underthe third oak be hind'), [])
})

t.test('short agreements are not cited', async (t) => {
  t.same(quotes('behind the mill, six'), [])
  t.same(quotes('. , . , . ” “ . ! ?'), [])
  t.same(quotes(''), [])
})

t.test('several quotes come in the order of the answer', async (t) => {
  const answer = 'First, the watchman slept. It was a dark night, though before, the treasure lies buried under the third oak; ok.'
  t.same(quotes(answer), ['the watchman slept. It was a dark night,', 'The treasure lies buried under the\r\nthird oak'])
})

t.test('passages that touch or overlap in the document become one', async (t) => {
  t.same(quotes('feet down. Nobody ever looked there. -- third oak behind the mill, six feet'), [
    'third oak behind the mill, six feet down. Nobody ever looked there.',
  ])
  t.same(quotes('oak behind the mill, six feet ... the third oak behind the mill'), ['the\r\nthird oak behind the mill, six feet'])
})

t.test('of two equal places the one within the retrieved chunks is cited, otherwise the first', async (t) => {
  const sentence = 'the same five words again here'
  const document = `One: ${sentence}. Two: ${sentence}. Three: ${sentence}.`
  const places = [...document.matchAll(/the same/g)].map(({ index }) => index)
  const start = (within: Span[]): number | undefined => findQuotes(document, sentence, within)[0]?.start
  t.equal(start([]), places[0])
  t.equal(start([{ start: places[2]! - 3, end: document.length }]), places[2])
  t.equal(start([{ start: places[1]!, end: places[1]! + 10 }]), places[0], 'a chunk that holds only a part does not count')
  const split: Span[] = [
    { start: places[1]! + 10, end: places[2]! - 1 },
    { start: places[1]! - 5, end: places[1]! + 10 },
  ]
  t.equal(start(split), places[1], 'but two neighbouring chunks that hold it together do')
})

t.test('a longer match wins over a shorter one within the chunks', async (t) => {
  const document = 'alpha beta gamma delta epsilon zeta. Then: alpha beta gamma delta epsilon.'
  t.same(quotes('alpha beta gamma delta epsilon zeta', [{ start: 37, end: document.length }], document), [
    'alpha beta gamma delta epsilon zeta',
  ])
})

t.test('marks that belong to the text around a passage are not part of it', async (t) => {
  t.same(quotes('... there?” said the old watchman, and nobody “yes'), ['there?” said the old watchman, and nobody'])
  const document = 'He said: one two three four five. “Six” came later — much later.'
  t.same(quotes('one two three four five. “Seven', [], document), ['one two three four five.'])
})

t.test('Chinese and Japanese are matched by characters', async (t) => {
  const document = '很久以前有一座山。藏宝图埋在老橡树下面的铁盒子里，没有人知道。後來大家都忘了。「おはようございます、皆さん」と言った。'
  t.same(quotes('答案是：藏宝图埋在老橡树下面的铁盒子里。', [], document), ['藏宝图埋在老橡树下面的铁盒子里'])
  t.same(quotes('藏宝图埋在橡树下', [], document), [])
  t.same(quotes('“おはようございます、皆さん”', [], document), ['「おはようございます、皆さん」'])
})

t.test('composed and decomposed letters are the same, emoji are never cut', async (t) => {
  const document = 'Zoe\u0301 a vu le grand cha\u0302teau bleu 👨‍👩‍👧 hier.'
  t.same(quotes('Zoé a vu le grand château bleu', [], document), ['Zoe\u0301 a vu le grand cha\u0302teau bleu'])
  t.same(quotes('Zoé a vu le grand château bleu 👨', [], document), ['Zoe\u0301 a vu le grand cha\u0302teau bleu'])
})

/** A random part of a text that begins and ends with a word. */
function sample(random: () => number, text: string): Span {
  for (;;) {
    let start = integer(random, 0, text.length - 1)
    let end = Math.min(text.length, start + integer(random, 80, 1500))
    while (start < end && !(/\s/.test(text[start - 1] ?? ' ') && /[\p{L}\p{N}]/u.test(text[start]!))) start++
    while (end > start && !(/[\p{L}\p{N}]/u.test(text[end - 1]!) && /\s/.test(text[end] ?? ' '))) end--
    if (text.slice(start, end).split(/\s+/).length >= 8) return { start, end }
  }
}

for (const [name, text] of Object.entries({ prose: prose(seeded(5), 4000), 'War and Peace': book('war_and_peace') })) {
  t.test(`random parts of ${name} are cited at their place, or at an identical one`, { skip: !text && 'no such book here' }, async (t) => {
    if (!text) return
    const random = seeded(13)
    const index = finish(QuoteIndex.build(text))
    const same = (a: string, b: string): boolean => a.replace(/\s+/g, ' ') === b.replace(/\s+/g, ' ')
    let exact = 0
    for (let i = 0; i < 300; i++) {
      const { start, end } = sample(random, text)
      const part = text.slice(start, end)
      const cited = finish(index.find(pick(random, [part, part.replace(/\s+/g, ' '), part.replace(/\s+/g, '\n\n')])))
      const only = cited[0]
      if (cited.length !== 1 || !only || only.text !== text.slice(only.start, only.end) || !same(only.text, part)) {
        t.fail('not cited as it stands', { part, cited })
      } else if (only.start === start && only.end === end) exact++
      else if (only.start >= start) t.fail('a later place', { start, cited })
      const inside = finish(index.find(part, [{ start, end }]))
      if (inside[0]?.start !== start || inside[0].end !== end) t.fail('not the place within', { start, end, inside })
    }
    t.ok(exact > 270, `${exact} of 300 at their own place`)
  })
}

t.test('parts mixed with other words are each cited, and nothing else is', async (t) => {
  const random = seeded(21)
  const text = prose(random, 3000)
  const index = finish(QuoteIndex.build(text))
  for (let i = 0; i < 100; i++) {
    const parts = Array.from({ length: integer(random, 1, 4) }, () => sample(random, text))
    const answer = parts.map(({ start, end }) => `XYZZY ${text.slice(start, end)} PLUGH`).join(' ')
    const cited = finish(index.find(answer, parts))
    const covered = (span: Span): boolean => cited.some((c) => c.start <= span.start && span.end <= c.end)
    const wanted = (span: Span): boolean => parts.some((p) => span.start <= p.end && p.start <= span.end)
    if (!parts.every(covered) || !cited.every(wanted)) t.fail('wrong citations', { parts, cited })
  }
  t.pass('100 answers')
})

t.test('in a repetitive document the place that was read is cited', async (t) => {
  const document = 'a b '.repeat(100_000)
  const cited = findQuotes(document, `${'a b '.repeat(100)}c ${'b a '.repeat(100)}`, [{ start: 200_000, end: 201_000 }])
  t.same(cited[0]?.start, 200_000)
})
