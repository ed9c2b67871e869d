import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Answer, type AnswerTask } from '../../../lib/api/answer'
import type { AnswerResult } from '../../../lib/pipeline/answer-result'
import { speculation } from '../../helpers/speculation'

const result = (text: string): AnswerResult => ({
  text,
  citations: [],
  chunks: [],
  finishReason: 'stop',
  stats: {
    mode: 'plain',
    drafter: { kind: 'none', cache: 'none' },
    promptTokens: 1,
    draftPromptTokens: 0,
    prefillMs: 0,
    timeToFirstTokenMs: 0,
    decodeTokens: 3,
    decodeTokensPerSecond: 0,
    rounds: 3,
    drafted: 0,
    accepted: 0,
    acceptedByPosition: [],
    speculation: speculation({ roundsOff: 3 }),
  },
})

/** Emits the deltas one per turn of the event loop; notes how it ended. */
function task(deltas: string[], { failure }: { failure?: Error } = {}) {
  const log: string[] = []
  const run: AnswerTask = async (emit, signal) => {
    try {
      for (const delta of deltas) {
        await sleep(1)
        signal.throwIfAborted()
        emit(delta)
        log.push(delta)
      }
      if (failure) throw failure
      return result(deltas.join(''))
    } catch (error) {
      log.push(`ended: ${(error as Error).message}`)
      throw error
    }
  }
  return { run, log }
}

async function collect(answer: AsyncIterable<string>): Promise<string[]> {
  const deltas: string[] = []
  for await (const delta of answer) deltas.push(delta)
  return deltas
}

t.test('an answer can be awaited without being iterated', async (t) => {
  t.equal((await new Answer(task(['a', 'b']).run)).text, 'ab')
})

t.test('an answer can be iterated without being awaited', async (t) => {
  t.same(await collect(new Answer(task(['a', 'b']).run)), ['a', 'b'])
})

t.test('an answer can be iterated and then awaited', async (t) => {
  const answer = new Answer(task(['a', 'b']).run)
  t.same(await collect(answer), ['a', 'b'])
  t.equal((await answer).text, 'ab')
})

t.test('an answer starts by itself', async (t) => {
  const { run, log } = task(['a'])
  new Answer(run)
  await sleep(20)
  t.same(log, ['a'])
})

t.test('several loops see all deltas, also one that starts after the end', async (t) => {
  const answer = new Answer(task(['a', 'b', 'c']).run)
  t.same(await Promise.all([collect(answer), collect(answer)]), [
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ])
  t.same(await collect(answer), ['a', 'b', 'c'])
})

t.test('empty deltas are not handed out', async (t) => {
  t.same(await collect(new Answer(task(['a', '', 'b']).run)), ['a', 'b'])
})

t.test('leaving the loop cancels the answer and waits until it has stopped', async (t) => {
  const { run, log } = task(['a', 'b', 'c'])
  const answer = new Answer(run)
  for await (const delta of answer) {
    t.equal(delta, 'a')
    break
  }
  t.same(log, ['a', 'ended: The answer was cancelled'])
  await t.rejects(Promise.resolve(answer), { name: 'AbortError' })
})

t.test('an exception in the loop cancels the answer', async (t) => {
  const { run, log } = task(['a', 'b', 'c'])
  await t.rejects(
    (async () => {
      for await (const _ of new Answer(run)) throw new Error('mine')
    })(),
    { message: 'mine' },
  )
  t.same(log, ['a', 'ended: The answer was cancelled'])
})

t.test('leaving one of two loops cancels nothing', async (t) => {
  const answer = new Answer(task(['a', 'b', 'c']).run)
  const other = collect(answer)
  for await (const _ of answer) break
  t.same(await other, ['a', 'b', 'c'])
})

t.test('leaving the loop after the end keeps the result', async (t) => {
  const answer = new Answer(task(['a', 'b']).run)
  await answer
  for await (const _ of answer) break
  t.equal((await answer).text, 'ab')
})

t.test('failure rejects the promise and every loop, after the deltas so far', async (t) => {
  const failure = new Error('broken')
  const answer = new Answer(task(['a'], { failure }).run)
  const seen: string[] = []
  const loop = async () => {
    for await (const delta of answer) seen.push(delta)
  }
  await Promise.all([t.rejects(loop(), { message: 'broken' }), t.rejects(Promise.resolve(answer), { message: 'broken' })])
  t.same(seen, ['a'])
  await t.rejects(loop(), { message: 'broken' })
})

t.test('a failed answer that nobody looks at causes no unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.teardown(() => process.off('unhandledRejection', note))
  new Answer(task([], { failure: new Error('alone') }).run)
  const iterated = new Answer(task(['a'], { failure: new Error('iterated') }).run)
  await t.rejects(collect(iterated), { message: 'iterated' })
  await sleep(20)
  t.same(unhandled, [])
})

t.test('cancel() rejects with its reason', async (t) => {
  const answer = new Answer(task(['a', 'b', 'c']).run)
  answer.cancel(new Error('enough'))
  await t.rejects(Promise.resolve(answer), { message: 'enough' })
})

t.test('a next() that waits ends when the loop is left from elsewhere', async (t) => {
  const iterator = new Answer(task(['a', 'b']).run)[Symbol.asyncIterator]()
  const waiting = iterator.next()
  await iterator.return?.()
  t.same(await waiting, { done: true, value: undefined })
  t.same(await iterator.next(), { done: true, value: undefined })
})

t.test('then, catch and finally behave like those of a promise', async (t) => {
  const good = new Answer(task(['a']).run)
  t.equal(await good.then((r) => r.text), 'a')
  let called = 0
  t.equal((await good.finally(() => called++)).text, 'a')
  t.equal(called, 1)
  const bad = new Answer(task([], { failure: new Error('x') }).run)
  t.equal(await bad.catch((error) => (error as Error).message), 'x')
  t.equal(Object.prototype.toString.call(good), '[object Answer]')
})
