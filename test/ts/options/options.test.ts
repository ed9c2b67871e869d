import t from 'tap'
import { RagdraftError } from '../../../lib/base/errors'
import { readAskOptions, readQuestion } from '../../../lib/options/ask'
import { readLoadOptions } from '../../../lib/options/load'
import { openOptionsWithin } from '../../../lib/options/open'
import { readOptions } from '../../../lib/options/schema'

const readOpenOptions = (options: unknown, trainedContext: number) => readOptions('open()', options, openOptionsWithin(trainedContext))
const ask = (options: unknown) => readAskOptions(options, 100)

t.test('ask options have the documented defaults', async (t) => {
  t.same(ask(undefined), {
    mode: 'lossless',
    transfer: 10,
    plausibility: 0.1,
    transferTemperature: 1,
    draftLength: 'auto',
    draftWeights: undefined,
    ngram: true,
    confidence: 0,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    stop: [],
    seed: 0n,
    maxTokens: 256,
    maxChunks: undefined,
    chunks: undefined,
    history: [],
    onProgress: undefined,
    signal: undefined,
  })
  t.same(ask({}), ask(undefined))
  t.same(ask({ mode: undefined, stop: undefined }), ask(undefined), 'undefined means the default')
})

t.test('load and open options have the documented defaults', async (t) => {
  t.same(readLoadOptions(undefined), {
    device: 'auto',
    threads: 0,
    isa: '',
    draftCopy: false,
    weightsCache: false,
    onProgress: undefined,
    signal: undefined,
  })
  t.match(readOpenOptions({}, 4096), {
    kv: 'auto',
    draftWeights: 'auto',
    chunkTokens: 512,
    contextTokens: undefined,
    system: undefined,
    retrievalOnly: false,
  })
})

t.test('valid values come back normalised', async (t) => {
  const { signal } = new AbortController()
  const given = ask({ stop: 'END', seed: 7, draftLength: 0, chunks: [3, 1], signal, history: [{ question: 'q', answer: 'a', more: 1 }] })
  t.same(given.stop, ['END'])
  t.equal(given.seed, 7n)
  t.equal(given.draftLength, 0)
  t.same(given.chunks, [3, 1])
  t.equal(given.signal, signal)
  t.same(given.history, [{ question: 'q', answer: 'a' }], 'only the fields that are meant')
  t.equal(ask({ seed: 2n ** 64n - 1n }).seed, 2n ** 64n - 1n)
})

// [options, name in the message, the allowed values, what was given]
const refused: [object, string, string, string][] = [
  [{ mode: 'turbo' }, 'mode', 'one of "plain", "rag", "lossless", "exact", "paper"', '"turbo"'],
  [{ mode: 3 }, 'mode', 'one of', '3'],
  [{ transfer: -1 }, 'transfer', 'a number from 0 to 1000', '-1'],
  [{ transfer: Number.NaN }, 'transfer', 'a number', 'NaN'],
  [{ transfer: '10' }, 'transfer', 'a number', '"10"'],
  [{ plausibility: 1.5 }, 'plausibility', 'from 0 to 1', '1.5'],
  [{ transferTemperature: 0 }, 'transferTemperature', 'above 0', '0'],
  [{ draftLength: 17 }, 'draftLength', 'an integer from 0 to 16 or "auto"', '17'],
  [{ draftLength: 1.5 }, 'draftLength', 'an integer', '1.5'],
  [{ draftLength: 'many' }, 'draftLength', '"auto"', '"many"'],
  [{ draftWeights: 'q8' }, 'draftWeights', 'one of "auto", "full", "q4"', '"q8"'],
  [{ draftWeights: null }, 'draftWeights', 'one of', 'null'],
  [{ ngram: 'on' }, 'ngram', 'true or false', '"on"'],
  [{ confidence: 2 }, 'confidence', 'from 0 to 1', '2'],
  [{ temperature: Number.POSITIVE_INFINITY }, 'temperature', 'a number', 'Infinity'],
  [{ topK: -1 }, 'topK', 'at least 0', '-1'],
  [{ topP: 0 }, 'topP', 'above 0, at most 1', '0'],
  [{ minP: 1 }, 'minP', 'from 0 to below 1', '1'],
  [{ repetitionPenalty: 0 }, 'repetitionPenalty', 'above 0', '0'],
  [{ stop: [''] }, 'stop[0]', 'a non-empty string', '""'],
  [{ stop: 5 }, 'stop', 'an array', '5'],
  [{ stop: Array(17).fill('x') }, 'stop', 'at most 16', 'an array of 17'],
  [{ seed: -1 }, 'seed', 'at least 0', '-1'],
  [{ seed: 2n ** 64n }, 'seed', 'below 2^64', '18446744073709551616n'],
  [{ maxTokens: 0 }, 'maxTokens', 'at least 1', '0'],
  [{ maxChunks: 0 }, 'maxChunks', 'at least 1', '0'],
  [{ chunks: [100] }, 'chunks[0]', 'from 0 to 99', '100'],
  [{ chunks: 'all' }, 'chunks', 'an array', '"all"'],
  [{ history: [{ question: 'q' }] }, 'history[0].answer', 'a string', 'undefined'],
  [{ history: ['q'] }, 'history[0]', '{ question, answer }', '"q"'],
  [{ onProgress: true }, 'onProgress', 'a function', 'true'],
  [{ signal: {} }, 'signal', 'an AbortSignal', 'an object (Object)'],
  [{ signal: null }, 'signal', 'an AbortSignal', 'null'],
]

for (const [options, name, allowed, given] of refused) {
  t.test(`ask refuses ${name} ${given} with its range and what was given`, async (t) => {
    try {
      ask(options)
      t.fail('should have thrown')
    } catch (error) {
      t.type(error, RagdraftError)
      const { code, message, details } = error as RagdraftError
      t.equal(code, 'ERR_INVALID_ARGUMENT')
      t.equal(details.argument, name)
      t.ok(message.startsWith(`${name} must be `), message)
      t.ok(message.includes(allowed), message)
      t.ok(message.endsWith(`got ${given}`), message)
    }
  })
}

t.test('a mistyped option is told with the one that was probably meant', async (t) => {
  t.throws(() => ask({ draftLenght: 4 }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: 'unknown option "draftLenght" of ask(); did you mean "draftLength"?',
  })
  t.throws(() => ask({ TopK: 4 }), { message: /did you mean "topK"/ })
  t.throws(() => readLoadOptions({ gpuLayers: 33 }), {
    message: /unknown option "gpuLayers" of loadModel\(\); the options are device, threads/,
  })
})

t.test('options that are no object are refused', async (t) => {
  for (const options of [null, 5, 'exact', [], true])
    t.throws(() => ask(options), { code: 'ERR_INVALID_ARGUMENT', message: /the options of ask\(\) must be an object/ })
})

t.test('contextTokens is bounded by the trained context', async (t) => {
  t.equal(readOpenOptions({ contextTokens: 512 }, 512).contextTokens, 512)
  t.throws(() => readOpenOptions({ contextTokens: 513 }, 512), { message: 'contextTokens must be an integer from 64 to 512, got 513' })
  t.throws(() => readOpenOptions({ contextTokens: 63 }, 512), { code: 'ERR_INVALID_ARGUMENT' })
})

t.test('a question needs words', async (t) => {
  t.equal(readQuestion(' Who? '), ' Who? ')
  for (const question of ['', ' \n', undefined, 7, {}]) t.throws(() => readQuestion(question), { code: 'ERR_INVALID_ARGUMENT' })
})
