import t from 'tap'
import { finish } from '../../../lib/base/steps'
import { chunkSteps, type Span } from '../../../lib/document/chunk'
import { LexicalRetriever } from '../../../lib/retrieve/lexical'
import { PhraseIndex } from '../../../lib/retrieve/phrases'
import type { Hit } from '../../../lib/retrieve/retriever'
import { terms } from '../../../lib/retrieve/terms'
import { book, integer, pick, prose, seeded, word } from '../../helpers/random-text'

/** A retriever over texts that are chunks as they stand. */
function over(...chunks: string[]): LexicalRetriever {
  let end = 0
  const spans = chunks.map((chunk) => {
    const start = end
    end += chunk.length
    return { start, end }
  })
  return indexed(chunks.join(''), spans)
}

function indexed(document: string, chunks: readonly Span[]): LexicalRetriever {
  const retriever = new LexicalRetriever()
  finish(retriever.indexSteps(document, chunks))
  return retriever
}

const search = (retriever: LexicalRetriever, query: string, limit: number): Hit[] => finish(retriever.searchSteps(query, limit))
const found = (retriever: LexicalRetriever, query: string, limit = 10): number[] =>
  search(retriever, query, limit).map(({ index }) => index)
const countTokens = (text: string): number => Math.ceil(text.length / 4.4)

t.test('a score is the sum over the words of the query, where no phrase is shared', async (t) => {
  const retriever = over(
    'The lantern burned all night beside an old map. ',
    'A lantern, brass, and a compass lay there. ',
    'No compass was found in the tower. ',
    'Rain fell on the roof of the mill. ',
  )
  const scores = (query: string) => new Map(search(retriever, query, 10).map(({ index, score }) => [index, score]))
  const [lantern, compass, both] = [scores('lantern'), scores('compass'), scores('compass lantern')]
  t.same([...both.keys()].sort(), [0, 1, 2])
  for (const [index, score] of both)
    t.ok(Math.abs(score - (lantern.get(index) ?? 0) - (compass.get(index) ?? 0)) < 1e-9, `chunk ${index}: ${score}`)
})

t.test('words are compared without case, accents, width and English plural', async (t) => {
  const cases: [string, string][] = [
    ['Éléphant', 'ELEPHANTS'],
    ['stories', 'story'],
    ['matches caches boxes', 'match cache box'],
    ['horses houses', 'horse house'],
    ['ＡＢＣ１２', 'abc12'],
    ['l’homme', "l'HOMME"],
    ["Pierre's", 'Pierre'],
    ['1,000', '1000'],
    ['Ωμέγα', 'ωμεγα'],
    ['_emphasis_', 'emphasis'],
  ]
  for (const [a, b] of cases) t.same(terms(a).sequence, terms(b).sequence, `${a} - ${b}`)
})

t.test('different words stay different', async (t) => {
  for (const [a, b] of [
    ['boss', 'bos'],
    ['this', 'thi'],
    ['bus', 'bu'],
    ['3.14', '314'],
    ['कि', 'की'],
    ['か', 'が'],
    ['Mary', 'Marie'],
  ] as const) {
    t.notSame(terms(a).sequence, terms(b).sequence, `${a} - ${b}`)
  }
})

t.test('identifiers are found whole and by their parts', async (t) => {
  t.same(terms('getUserName'), { sequence: ['getusername'], extra: ['get', 'user', 'name'] })
  t.same(terms('MAX_TOKEN_COUNT'), { sequence: ['max_token_count'], extra: ['max', 'token', 'count'] })
  t.same(terms('parseHTTPHeader2'), { sequence: ['parsehttpheader2'], extra: ['parse', 'http', 'header2'] })
  const retriever = over('call getUserName first ', 'the max_tokens setting ', 'nothing of the kind ')
  t.same(found(retriever, 'user name'), [0])
  t.same(found(retriever, 'What is max_tokens?'), [1])
  t.same(found(retriever, 'GETUSERNAME'), [0])
})

t.test('scripts without spaces are found by pairs of characters, and by a single one', async (t) => {
  t.same(terms('东京塔a'), { sequence: ['东京', '京塔', 'a'], extra: ['东', '京', '塔'] })
  const retriever = over('北京是中国的首都。', '東京タワーは高いです。', '한국어를 공부합니다.', 'กรุงเทพมหานคร', '我们去看书。')
  t.same(found(retriever, '中国首都在哪里')[0], 0)
  t.same(found(retriever, 'タワー')[0], 1)
  t.same(found(retriever, '한국어는')[0], 2)
  t.same(found(retriever, 'กรุงเทพ')[0], 3)
  t.same(found(retriever, '书'), [4])
})

t.test('a query without a known word finds nothing', async (t) => {
  const retriever = over('The quick brown fox. ', 'The lazy dog. ')
  for (const query of ['zebra xylophone', '', '?!', '狐']) t.same(search(retriever, query, 5), [], query)
})

t.test('names of Object.prototype are ordinary words', async (t) => {
  const retriever = over('The constructor of __proto__. ', 'Nothing here. ', 'Has toString too. ')
  t.same(found(retriever, 'constructor'), [0])
  t.same(found(retriever, 'proto'), [0])
  t.same(found(retriever, 'toString hasOwnProperty'), [2])
  t.same(found(retriever, 'tolocalestring'), [])
})

t.test('rare words count more than frequent ones', async (t) => {
  const filler = Array.from({ length: 20 }, () => 'the ship sailed and the ship came back ')
  t.same(found(over(...filler, 'one harpoon lay there '), 'ship harpoon')[0], 20)
})

t.test('equal scores are in document order, and limit cuts the list', async (t) => {
  const retriever = over('alpha beta ', 'gamma ', 'alpha beta ', 'alpha beta ')
  t.same(found(retriever, 'alpha'), [0, 2, 3])
  t.same(found(retriever, 'alpha', 2), [0, 2])
  t.same(search(retriever, 'alpha gamma', 5), search(retriever, 'alpha gamma', 5))
})

t.test('the order of the words decides between chunks that have the same words', async (t) => {
  const retriever = over('who then saw the man in the house ', 'the man who then saw house in the ', 'in the house the man saw who then ')
  t.same(found(retriever, 'the man who then saw')[0], 1)
})

t.test('the weights of common phrases are those of their definition', async (t) => {
  const random = seeded(11)
  for (let round = 0; round < 60; round++) {
    const chunks = Array.from({ length: integer(random, 1, 6) }, () =>
      Array.from({ length: integer(random, 0, 30) }, () => pick(random, ['a', 'b', 'c', 'd'])),
    )
    const query = Array.from({ length: integer(random, 1, 7) }, () => pick(random, ['a', 'b', 'c', 'e']))
    const reach = integer(random, 0, 4)
    const expected = definedRuns(chunks, query, reach)
    const actual = finish(phraseIndex(chunks).bestRuns(query, reach))
    const wrong = chunks.findIndex((_, i) => Math.abs((expected.get(i) ?? 0) - (actual.get(i) ?? 0)) > 1e-9)
    if (wrong !== -1) t.fail('a weight differs', { chunks, query, reach, wrong, expected: [...expected], actual: [...actual] })
  }
  t.pass('60 random documents')
})

function phraseIndex(chunks: string[][]): PhraseIndex {
  const index = new PhraseIndex()
  for (const chunk of chunks) index.add(chunk)
  return index
}

/** The definition of PhraseIndex.bestRuns, word by word: every common run of query and document, each by itself. */
function definedRuns(chunks: string[][], query: string[], reach: number): Map<number, number> {
  const words = chunks.flatMap((chunk, index) => chunk.map((text) => ({ text, index })))
  const pair = (i: number, j: number): boolean => i > 0 && j > 0 && words[i]!.text === query[j] && words[i - 1]!.text === query[j - 1]
  const idf = query.map((_, j) => {
    const n = new Set(words.flatMap(({ index }, i) => (pair(i, j) ? [index] : []))).size
    return Math.log(1 + (chunks.length - n + 0.5) / (n + 0.5))
  })
  const best = new Map<number, number>()
  const credit = (index: number, weight: number): void => void best.set(index, Math.max(weight, best.get(index) ?? 0))
  for (const [i] of words.entries()) {
    for (const [j] of query.entries()) {
      let weight = 0
      for (let length = 2; pair(i - length + 2, j - length + 2); length++) {
        weight += idf[j - length + 2]!
        for (let index = words[i - length + 1]!.index; index <= words[i]!.index; index++) credit(index, weight)
        const after = words[i]!.index + 1
        const wordsLeft = words.filter(({ index }, at) => at > i && index === words[i]!.index).length
        if (after < chunks.length && wordsLeft < reach) credit(after, weight / 2)
      }
    }
  }
  return best
}

/** Needles as made-up sentences of the same words as the text around them, so that only their order is rare. */
function needle(random: () => number): string {
  const words = Array.from({ length: 18 }, () => word(Math.floor(5000 ** random())))
  return `${words.join(' ')}.`
}

for (const [tokens, sentences] of [
  [32_000, 1800],
  [128_000, 7200],
] as const) {
  t.test(`a sentence of common words is found first by its first 6-8 words among ${tokens} tokens`, async (t) => {
    const random = seeded(tokens)
    const parts = prose(random, sentences).split(/(?<=\. )/)
    const needles = Array.from({ length: 40 }, () => needle(random))
    for (const [i, text] of needles.entries()) parts.splice(Math.floor(((i + 0.5) * parts.length) / needles.length), 0, `${text} `)
    const document = parts.join('')
    const chunks = finish(chunkSteps(document, { maxTokens: 512, countTokens }))
    t.ok(document.length / 4.4 > 0.8 * tokens, `${Math.round(document.length / 4.4)} tokens, ${chunks.length} chunks`)
    const retriever = indexed(document, chunks)
    const missed = needles.filter((text) => {
      const at = document.indexOf(text)
      const [first] = search(
        retriever,
        text
          .split(' ')
          .slice(0, integer(random, 6, 8))
          .join(' '),
        4,
      )
      return !(first && chunks[first.index]!.start <= at && at < chunks[first.index]!.end)
    })
    t.same(missed, [])
  })
}

t.test('a phrase across the border of two chunks brings both, before all others', async (t) => {
  const random = seeded(4)
  const filler = prose(random, 900)
  const text = needle(random)
  const cut = text.indexOf(' ', 25)
  const chunks = finish(chunkSteps(filler, { maxTokens: 256, countTokens })).map(({ start, end }) => filler.slice(start, end))
  const middle = chunks.length >> 1
  const retriever = over(
    ...chunks.slice(0, middle),
    `${chunks[middle]} ${text.slice(0, cut)}`,
    `${text.slice(cut)} ${chunks[middle + 1]}`,
    ...chunks.slice(middle + 2),
  )
  t.same(
    found(retriever, text.split(' ').slice(0, 8).join(' '), 2).sort((a, b) => a - b),
    [middle, middle + 1],
  )
})

t.test('a phrase at the end of a chunk brings the next one, where its sentence goes on', async (t) => {
  const random = seeded(6)
  const filler = Array.from({ length: 30 }, () => prose(random, 12))
  const opening = 'ronu sedu balo titi kevo mira dulo'
  const retriever = over(...filler.slice(0, 10), `${filler[10]} ${opening} `, `zizu zazo zezi. ${filler[11]}`, ...filler.slice(12))
  t.same(found(retriever, opening, 2), [10, 11])
})

for (const [name, tokens, questions] of [
  ['pride_and_prejudice', 32_000, 100],
  ['moby_dick', 128_000, 100],
  ['war_and_peace', 779_140, 30],
] as const) {
  const text = book(name)?.slice(0, Math.ceil(tokens * 4.4))
  t.test(
    `sentences of ${name} (${tokens} tokens) are found first by their first 6-8 words`,
    { skip: !text && 'no such book here' },
    async (t) => {
      if (!text) return
      const chunks = finish(chunkSteps(text, { maxTokens: 512, countTokens }))
      const retriever = indexed(text, chunks)
      const random = seeded(tokens)
      const flat = text.replace(/\s+/g, ' ')
      const sentences = [...text.matchAll(/(?<=[.!?]\s)[A-Z][^.!?]{60,250}[.!?]/g)]
      let asked = 0
      const missed: string[] = []
      while (asked < questions) {
        const sentence = pick(random, sentences)
        const query = sentence[0]
          .split(/\s+/)
          .slice(0, integer(random, 6, 8))
          .join(' ')
        // A phrase that the book has twice has no right answer.
        if (flat.indexOf(query) !== flat.lastIndexOf(query)) continue
        asked++
        const [first] = search(retriever, query, 1)
        const chunk = chunks[first?.index ?? -1]
        // Either side of a border is right when the sentence crosses it.
        if (!chunk || chunk.end <= sentence.index || chunk.start >= sentence.index + sentence[0].length) missed.push(query)
      }
      t.same(missed, [], `all of ${asked}`)
    },
  )
}
