/** The main job: sentences hidden in a book, asked by their first words, answered exactly in every mode and cited where they stand. */
import t from 'tap'
import { ensureDemoModel } from '../../../lib/demo'
import { demoBook, hideSentence } from '../../../lib/demo/book'
import { loadModel, type Mode, type Model } from '../../../lib/index'
import { choose } from '../../helpers/tier'

const depths = [0.02, 0.5, 0.95]
const needles = [
  'Commodore Philippa Brandywine hid nineteen copper kettles behind the waterfall of Lower Umbria, and told the secret to a parrot named Ezekiel.',
  'The night porter of the Hotel Zanzibar keeps a stuffed pelican in the cellar, because its left eye is an emerald from the crown of Bohemia.',
  'Doctor Ignatius Featherstone swore that quicksilver tastes of peppermint, and lost both his eyebrows in proving it to the Royal Society.',
]
const questionWords = 7
// The model would go on copying the book: each sentence is a paragraph of its own.
const stop = ['\n\n']
const modes: Mode[] = ['plain', 'rag', 'lossless', 'exact', 'paper']

const question = (needle: string) => needle.split(' ').slice(0, questionWords).join(' ')

/** The first `tokens` tokens of the book, to a paragraph's end, with the needles at their depths. */
function bookOf(model: Model, tokens: number): { text: string; places: { start: number; end: number }[] } {
  const { text: whole, needle } = demoBook({ depth: 1 })
  const book = whole.slice(0, needle.start)
  const perCharacter = model.tokenizer.count(book.slice(0, 50_000)) / 50_000
  let text = book.slice(0, Math.round(tokens / perCharacter))
  text = text.slice(0, text.lastIndexOf('\n\n') + 2)
  needles.forEach((sentence, i) => {
    text = hideSentence(text, sentence, depths[i]!).text
  })
  const places = needles.map((sentence) => ({ start: text.indexOf(sentence), end: text.indexOf(sentence) + sentence.length }))
  return { text, places }
}

for (const tokens of choose([8_000], [4_000, 16_000, 32_000])) {
  t.test(`needles at 2 %, 50 % and 95 % of ${tokens} tokens`, async (t) => {
    await using model = await loadModel(await ensureDemoModel())
    const { text, places } = bookOf(model, tokens)
    await using document = await model.open({ text })
    for (const [i, needle] of needles.entries()) {
      const place = places[i]!
      const rest = needle.slice(question(needle).length)
      const maxTokens = model.tokenizer.count(rest)
      const chunk = document.chunks.find((c) => c.start <= place.start && place.start < c.end)!
      for (const mode of modes) {
        const { text: answer, citations, chunks, stats } = await document.ask(question(needle), { mode, maxTokens, stop })
        t.equal(answer, rest, `${mode}: the rest of the sentence at ${depths[i]! * 100} %`)
        const cited = citations.find((c) => place.start <= c.start && c.end <= place.end)
        t.ok(cited, `${mode}: a citation points into the sentence`)
        t.equal(cited?.text, rest.trim(), `${mode}: it is the answer's words`)
        t.equal(text.slice(cited?.start, cited?.end), cited?.text, `${mode}: at exactly these characters`)
        t.equal(stats.mode, mode)
        if (mode !== 'plain')
          t.ok(
            chunks.some((c) => c.start === chunk.start),
            `${mode}: its chunk was retrieved`,
          )
        if (mode !== 'rag') t.ok(stats.promptTokens > tokens * 0.9, `${mode}: the target has read the whole document`)
        if (mode !== 'plain' && tokens > 6_000) t.ok(stats.draftPromptTokens < 6_000, `${mode}: the drafter has read its chunks only`)
      }

      // Retrieval that misses: the drafter reads chunks without the sentence.
      const wrong = document.chunks
        .filter((c) => Math.abs(c.index - chunk.index) > 1)
        .slice(0, 4)
        .map((c) => c.index)
      for (const draftLength of [3, 10] as const) {
        const run = await document.ask(question(needle), { mode: 'lossless', chunks: wrong, draftLength, maxTokens, stop })
        t.equal(run.text, rest, 'lossless with the wrong chunks is still exact')
        t.ok(run.stats.drafted > 0 && run.stats.accepted < run.stats.drafted, 'and its drafts were rejected')
      }
      const fixed = await document.ask(question(needle), { mode: 'lossless', draftLength: 6, maxTokens, stop })
      t.equal(fixed.text, rest)
      t.ok(fixed.stats.drafted > 0)
      t.equal(fixed.stats.accepted, fixed.stats.drafted, 'with the right chunks every draft is accepted')
    }
  })
}

t.test('needles with 8-bit keys and values', async (t) => {
  await using model = await loadModel(await ensureDemoModel())
  const { text } = bookOf(model, choose(4_000, 16_000))
  await using document = await model.open({ text }, { kv: 'q8' })
  for (const needle of needles) {
    const rest = needle.slice(question(needle).length)
    const maxTokens = model.tokenizer.count(rest)
    for (const mode of ['plain', 'lossless'] as const) {
      const { text: answer } = await document.ask(question(needle), { mode, maxTokens, stop })
      t.equal(answer, rest, `${mode}: the rest of the sentence`)
    }
  }
})
