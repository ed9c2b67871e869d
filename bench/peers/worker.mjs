// node-llama-cpp in a child process: commands in, results out over IPC. Apart from the process under test, so that neither
// engine's threads or memory disturb the other, and a crash of the peer is only an error.
//
//   { id, command: 'load', modelPath, contextSize, threads, flashAttention, kv } -> { vocab, ms, rss } time, bytes before it
//   { id, command: 'logits', tokens, rows }      -> { logits: [[...vocab]...] } of the last rows; the context is cleared first
//   { id, command: 'append', tokens }            -> { ms }      one evaluation without logits
//   { id, command: 'step', tokens, rows }        -> { ms, top } one evaluation with a choice at the last `rows`, then rolled back
//   { id, command: 'truncate', length }          the context keeps its first `length` tokens
//   { id, command: 'save', path }                the sequence's state as a file
//   { id, command: 'restore', path }             the context is what such a file holds
//   { id, command: 'memory' }                    -> { rss, peak } bytes of the process
//   { id, command: 'tokenize', text }            -> { tokens }
import { getLlama } from 'node-llama-cpp'

let model, context, sequence

async function load({ modelPath, contextSize, threads, flashAttention = false, kv, batchSize = 512 }) {
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'error',
    ...(threads ? { maxThreads: threads } : {}),
  })
  const { rss } = process.memoryUsage()
  const start = performance.now()
  model = await llama.loadModel({ modelPath, gpuLayers: 0 })
  context = await model.createContext({
    contextSize,
    batchSize,
    ...(flashAttention === 'default' ? {} : { flashAttention }),
    ...(threads ? { threads } : {}),
    ...(kv ? { experimentalKvCacheKeyType: kv, experimentalKvCacheValueType: kv } : {}),
  })
  sequence = context.getSequence()
  return { vocab: vocabulary(), ms: performance.now() - start, rss }
}

const vocabulary = () => model.fileInfo.metadata.tokenizer.ggml.tokens.length

const withChoice = (tokens, rows, generateNext) => tokens.map((token, i) => (i < tokens.length - rows ? token : [token, { generateNext }]))

async function logits({ tokens, rows }) {
  await sequence.clearHistory()
  const output = await sequence.controlledEvaluate(withChoice(tokens, rows, { logits: true }))
  const vocab = vocabulary()
  return {
    logits: output.slice(-rows).map(({ next }) => {
      const row = new Array(vocab).fill(null)
      for (const [token, logit] of next.logits) if (token < vocab) row[token] = logit
      return row
    }),
  }
}

async function append({ tokens }) {
  const start = performance.now()
  await sequence.evaluateWithoutGeneratingNewTokens(tokens)
  return { ms: performance.now() - start }
}

async function step({ tokens, rows }) {
  const depth = sequence.nextTokenIndex
  const start = performance.now()
  const output = await sequence.controlledEvaluate(withChoice(tokens, rows, { token: true, options: { temperature: 0 } }))
  const ms = performance.now() - start
  await truncate({ length: depth })
  return { ms, top: output.slice(-rows).map((o) => o.next.token) }
}

async function truncate({ length }) {
  await sequence.eraseContextTokenRanges([{ start: length, end: sequence.nextTokenIndex }])
}

const save = ({ path }) => sequence.saveStateToFile(path)

// The file was written for this very model, by `save` or from what `save` wrote.
const restore = ({ path }) => sequence.loadStateFromFile(path, { acceptRisk: true })

const memory = () => ({ rss: process.memoryUsage().rss, peak: process.resourceUsage().maxRSS * 1024 })

const commands = {
  load,
  logits,
  append,
  step,
  truncate,
  save,
  restore,
  memory,
  tokenize: ({ text }) => ({ tokens: model.tokenize(text, false) }),
}

process.on('message', async ({ id, command, ...args }) => {
  try {
    process.send({ id, result: await commands[command](args) })
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) })
  }
})
process.on('disconnect', () => process.exit(0))
