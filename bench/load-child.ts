/** A process that loads a model, answers once, and tells what that took: suite load. Arguments: file, threads, KV type. */
import { loadModel } from '../lib/index'
import type { KvType } from '../lib/options/open'

export interface Loaded {
  readonly ms: number
  readonly weightBytes: number
  /** Tokens in the cache at the end. */
  readonly tokens: number
  /** Resident bytes: before the load, at most, at the end. */
  readonly before: number
  readonly peak: number
  readonly steady: number
}

async function main([file, threads, kv]: string[]): Promise<Loaded> {
  const before = process.memoryUsage().rss
  const start = performance.now()
  const model = await loadModel(file!, { threads: Number(threads), weightsCache: true })
  const ms = performance.now() - start
  const sentence = 'The quick brown fox jumps over the lazy dog. '
  const document = await model.open({ text: sentence.repeat(Math.ceil(512 / model.tokenizer.count(sentence))) }, { kv: kv as KvType })
  const { stats } = await document.ask('What does the fox do?', { mode: 'plain', maxTokens: 16 })
  const steady = process.memoryUsage().rss
  const tokens = stats.promptTokens + stats.decodeTokens
  await model.close()
  return { ms, weightBytes: model.info.weightBytes, tokens, before, peak: process.resourceUsage().maxRSS * 1024, steady }
}

main(process.argv.slice(2)).then(
  (loaded) => process.send!(loaded, () => process.disconnect()),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    process.exitCode = 1
    process.disconnect()
  },
)
