/** Prefill, decode and verify at several depths, ours beside node-llama-cpp's on the same file in the same run. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import type { NativeModel, NativeSequence } from '../lib/native/binding'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../test/helpers/native'
import { writeRandomModel } from '../tools/models/random-model'
import { Peer, peerMissing } from './peers/peer'
import { median, type Row } from './report'

export interface EngineOptions {
  /** A GGUF file; default: random weights in the shape of Llama-3.2-1B, Q8_0, made once in the temporary folder. */
  readonly model?: string
  readonly depths: readonly number[]
  readonly verifyRows: readonly number[]
  readonly runs: number
  readonly threads: number
  readonly kv: 'f16' | 'bf16'
  readonly peer: boolean
  readonly log: (line: string) => void
}

/** Tokens of the chunk whose time stands for prefill at a depth: the peer's batch size. */
const CHUNK = 512

export async function llama1B(log: (line: string) => void): Promise<string> {
  const file = path.join(os.tmpdir(), 'ragdraft-bench-llama-3.2-1b-q8_0.gguf')
  if (!fs.existsSync(file)) {
    log(`writing ${file}`)
    await writeRandomModel(file, {
      arch: 'llama',
      layers: 16,
      embd: 2048,
      heads: 32,
      kvHeads: 8,
      headDim: 64,
      ffn: 8192,
      vocab: 128256,
      ctx: 131072,
      theta: 500000,
      tied: true,
      seed: 1,
      fast: true,
      dtypes: { default: 'Q8_0' },
    })
  }
  return file
}

/** The engines' common face: what is timed. */
interface Engine {
  readonly name: Row['engine']
  append(tokens: readonly number[]): Promise<number>
  decode(): Promise<number>
  verify(rows: number): Promise<number>
}

function ours(model: NativeModel, sequence: NativeSequence, vocab: number): Engine {
  const timed = async (work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  return {
    name: 'ragdraft',
    append: (tokens) => timed(() => prefill(sequence, tokens)),
    async decode() {
      const tokens = 8
      const fork = sequence.fork()
      const ms = await timed(() =>
        generate({ mode: 'plain', target: fork, targetPending: Int32Array.of(5), maxTokens: tokens, validTokens: model.info.vocab }),
      )
      fork.close()
      return ms / tokens
    },
    async verify(rows) {
      const depth = sequence.length
      const ms = await timed(() => evaluate(sequence, randomTokens(rows, vocab, rows), rows))
      sequence.truncate(depth)
      return ms
    },
  }
}

function theirs(peer: Peer, vocab: number): Engine {
  return {
    name: 'node-llama-cpp',
    append: (tokens) => peer.append(tokens),
    decode: async () => (await peer.step([5], 1)).ms,
    verify: async (rows) => (await peer.step(randomTokens(rows, vocab, rows), rows)).ms,
  }
}

async function measure(engine: Engine, options: EngineOptions, vocab: number, model: string, rows: Row[]): Promise<void> {
  let depth = 0
  const add = (metric: Row['metric'], count: number, times: number[]) => {
    const row = {
      suite: 'engine',
      engine: engine.name,
      model,
      metric,
      rows: count,
      depth,
      kv: options.kv,
      ms: median(times),
      runs: times.length,
    }
    rows.push(row)
    options.log(`${engine.name} ${metric} depth ${depth} rows ${count}: ${row.ms.toFixed(1)} ms`)
  }
  for (const target of options.depths) {
    while (depth < target) {
      const count = Math.min(CHUNK, target - depth)
      await engine.append(randomTokens(count, vocab, depth))
      depth += count
    }
    await engine.decode() // warm-up
    const decodes = []
    for (let i = 0; i < options.runs; i++) decodes.push(await engine.decode())
    add('decode', 1, decodes)
    for (const count of options.verifyRows) {
      const times = []
      for (let i = 0; i < options.runs; i++) times.push(await engine.verify(count))
      add('verify', count, times)
    }
    add('prefill', CHUNK, [await engine.append(randomTokens(CHUNK, vocab, depth))])
    depth += CHUNK
  }
}

export async function engineSuite(options: EngineOptions): Promise<Row[]> {
  const file = options.model ?? (await llama1B(options.log))
  const name = path.basename(file, '.gguf').replace('ragdraft-bench-', '')
  const rows: Row[] = []
  const context = Math.max(...options.depths) + CHUNK + 64

  const model = await loadModel(file, { threads: options.threads })
  // The peer's random ids must be tokens for both.
  const vocab = Math.min(model.info.vocab, 4000)
  const sequence = model.createSequence({ contextTokens: context, kv: options.kv })
  await measure(ours(model, sequence, vocab), options, vocab, name, rows)
  sequence.close()
  model.close()
  globalThis.gc?.()

  const missing = peerMissing()
  if (!options.peer) return rows
  if (missing) {
    options.log(`without the peer: ${missing}`)
    return rows
  }
  // Its better setting for verification at depth is without flash attention; see docs/performance notes of the peers.
  const peer = await Peer.load({
    modelPath: file,
    contextSize: context,
    threads: options.threads,
    flashAttention: false,
    kv: options.kv === 'bf16' ? 'BF16' : 'F16',
  })
  try {
    await measure(theirs(peer, vocab), options, vocab, name, rows)
  } finally {
    peer.close()
  }
  return rows
}
