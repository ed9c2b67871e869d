/** The event loop goes on turning while a document is read. Counted in turns and steps, not in milliseconds: machines differ. */
import t from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import { finish, inSlices, mapProgress, type Steps } from '../../../lib/base/steps'
import { QuoteIndex } from '../../../lib/cite/quote-index'
import { chunkSteps } from '../../../lib/document/chunk'
import type { Progress } from '../../../lib/options/progress'
import { LexicalRetriever } from '../../../lib/retrieve/lexical'
import { FakeBinding } from '../../helpers/fake-binding'
import { prose, seeded } from '../../helpers/random-text'
import { choose } from '../../helpers/tier'

const text = prose(seeded(9), choose(9_000, 34_000)) // sentences
const reason = new Error('changed my mind')

/** Counts turns of the event loop until it is stopped. */
function turnCounter() {
  const counter = { turns: 0, stop: () => clearImmediate(next) }
  const turn = () => {
    counter.turns++
    next = setImmediate(turn)
  }
  let next = setImmediate(turn)
  return counter
}

/** Ends when `until` says so: a computation of any length, whatever the machine. */
function* spin(until: () => boolean): Steps<string> {
  for (let step = 0; !until(); step++) yield step
  return 'done'
}

t.test('a computation in slices lets the event loop turn, and gives its result', async (t) => {
  const counter = turnCounter()
  const reports: number[] = []
  const result = await inSlices(
    spin(() => counter.turns >= 5),
    { onProgress: (step) => reports.push(step) },
  )
  counter.stop()
  t.equal(result, 'done')
  t.ok(reports.length >= 5, 'a report for each slice')
  t.same(
    reports,
    reports.toSorted((a, b) => a - b),
  )
})

t.test('an abort between two slices ends a computation with its reason, without another step', async (t) => {
  const controller = new AbortController()
  let steps = 0
  let atAbort = 0
  setImmediate(() => {
    atAbort = steps
    controller.abort(reason)
  })
  const endless = spin(() => {
    steps++
    return false
  })
  await t.rejects(inSlices(endless, { signal: controller.signal }), reason)
  t.ok(atAbort > 0)
  t.equal(steps, atAbort)
  await t.rejects(inSlices(endless, { signal: AbortSignal.abort(reason) }), reason)
  t.equal(steps, atAbort, 'nor does one begin under an aborted signal')
})

t.test('what a computation throws becomes the error', async (t) => {
  const failing = spin(() => {
    throw reason
  })
  await t.rejects(inSlices(failing), reason)
})

t.test('cutting a text takes one step per count, whatever the text', async (t) => {
  const texts = { prose: text.slice(0, 300_000), 'short lines': 'a\n\n'.repeat(100_000), 'one word': 'x'.repeat(300_000) }
  for (const [name, text] of Object.entries(texts)) {
    let counts = 0
    let most = 0
    const countTokens = (piece: string) => {
      counts++
      return Math.ceil(piece.length / 4)
    }
    const seen: number[] = []
    const steps = mapProgress(chunkSteps(text, { maxTokens: 256, countTokens }), (processed) => {
      most = Math.max(most, counts)
      counts = 0
      seen.push(processed)
      return processed
    })
    t.ok(finish(steps).length > 100, name)
    t.ok(most <= 2, `${name}: ${most} counts in a step`)
    t.ok(
      seen.every((processed, i) => processed >= (seen[i - 1] ?? 0) && processed <= text.length),
      `${name}: progress goes up to the length of the text`,
    )
  }
})

t.test('index, search and citations take a bounded part of the text per step', async (t) => {
  const steps = <T>(computation: Steps<T>): [result: T, yields: number[]] => {
    const yields: number[] = []
    const result = finish(mapProgress(computation, (processed) => yields.push(processed)))
    return [result, yields]
  }
  const part = text.slice(0, 300_000)
  const chunks = finish(chunkSteps(part, { maxTokens: 512, countTokens: (piece) => Math.ceil(piece.length / 4) }))
  const retriever = new LexicalRetriever()
  const [, perChunk] = steps(retriever.indexSteps(part, chunks))
  t.same(
    perChunk,
    chunks.map(({ end }) => end),
  )
  const [hits, perSearch] = steps(retriever.searchSteps(part.slice(1000, 3000), 5))
  t.ok(hits.length === 5 && perSearch.length >= 2 * chunks.length, `${perSearch.length} steps of a search`)
  const [quotes, perWords] = steps(QuoteIndex.build(part))
  t.ok(perWords.length > part.split(/\s+/).length / 1024, `${perWords.length} steps of the quotes`)
  const [[citation], perWord] = steps(quotes.find(part.slice(1000, 3000)))
  t.ok(citation && perWord.length > 0, `${perWord.length} steps of an answer`)
})

t.test('a long document in thousands of chunks is indexed with the event loop turning, and answers questions', async (t) => {
  const binding = new FakeBinding()
  const model = await loadModelWith(binding, 'fake.gguf')
  const counter = turnCounter()
  const index: (Progress & { turns: number })[] = []
  const onProgress = (progress: Progress) => progress.phase === 'index' && index.push({ ...progress, turns: counter.turns })
  const doc = await model.open(text, { retrievalOnly: true, chunkTokens: 16, onProgress })
  counter.stop()
  t.ok(
    text.length > choose(400_000, 1_500_000) && doc.chunks.length > choose(25_000, 100_000),
    `${text.length} characters, ${doc.chunks.length} chunks`,
  )
  t.ok(index.at(-1)!.turns - index[0]!.turns >= 10, `${index.at(-1)!.turns - index[0]!.turns} turns`)
  t.match(index.at(-1), { processed: text.length, total: text.length })
  t.ok(
    index.every(
      ({ processed, total }, i) => total === text.length && Number.isInteger(processed) && processed >= (index[i - 1]?.processed ?? 0),
    ),
    'progress never goes back',
  )
  const middle = doc.chunks[doc.chunks.length >> 1]!
  const { chunks } = await doc.ask(text.slice(middle.start - 40, middle.end + 40), { maxChunks: 40, maxTokens: 3 })
  t.ok(chunks.some(({ start }) => start === middle.start))
  await model.close()
})

t.test('an abort in the middle of the index is heard in the slice after it and leaves no handle', async (t) => {
  const binding = new FakeBinding()
  const model = await loadModelWith(binding, 'fake.gguf')
  const controller = new AbortController()
  const after: Progress[] = []
  const onProgress = (progress: Progress) => {
    if (controller.signal.aborted) after.push(progress)
    // From outside, as a user does: only a free event loop can run this.
    else if (progress.phase === 'index') setImmediate(() => controller.abort(reason))
  }
  await t.rejects(model.open(text, { retrievalOnly: true, onProgress, signal: controller.signal }), reason)
  t.ok(after.length <= 1, `${after.length} slices after the abort`)
  t.equal(binding.sequences.size, 0)
  t.equal(binding.busy.size, 0)
  await model.close()
  t.equal(binding.models.size, 0)
})
