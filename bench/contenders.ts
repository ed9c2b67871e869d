/** The engines with one face: a model, a context that grows and rolls back, and the times of its passes. */
import type { KvType } from '../lib/options'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../test/helpers/native'
import { Peer, type PeerOptions } from './peers/peer'
import { median, type Row } from './report'

/** Tokens appended at once; the chunk whose time stands for prefill at a depth. The peer's batch size. */
export const chunk = 512

export interface Contender {
  readonly name: Row['engine']
  readonly setting?: string
  /** Tokens in the context. */
  readonly depth: number
  /** Appends tokens; ms. */
  append(tokens: readonly number[]): Promise<number>
  /** Rolls back. */
  truncate(depth: number): Promise<void>
  /** One token of plain greedy decoding, rolled back; ms. */
  decode(): Promise<number>
  /** One pass over `rows` tokens with logits for each, rolled back; ms. */
  verify(rows: number): Promise<number>
  close(): Promise<void>
}

export interface ContenderOptions {
  readonly file: string
  readonly contextTokens: number
  readonly threads: number
  readonly kv: string
}

/** Random ids must be tokens of every model, with room for those that are special. */
const vocabulary = (size: number) => Math.min(size, 4000)

export async function openOurs(options: ContenderOptions): Promise<Contender> {
  const model = await loadModel(options.file, { threads: options.threads })
  // The addon refuses names that it does not know.
  const sequence = model.createSequence({ contextTokens: options.contextTokens, kv: options.kv as KvType })
  const vocab = vocabulary(model.info.vocab)
  const decoded = 8 // tokens a measurement: the first one's start-up is not a token's cost
  return {
    name: 'ragdraft',
    get depth() {
      return sequence.length
    },
    append: (tokens) => timed(() => prefill(sequence, tokens)),
    truncate: async (depth) => sequence.truncate(depth),
    async decode() {
      const fork = sequence.fork()
      try {
        const request = { target: fork, targetPending: Int32Array.of(5), maxTokens: decoded, validTokens: model.info.vocab }
        return (await timed(() => generate(request))) / decoded
      } finally {
        fork.close()
      }
    },
    async verify(rows) {
      const depth = sequence.length
      const ms = await timed(() => evaluate(sequence, randomTokens(rows, vocab, rows), rows))
      sequence.truncate(depth)
      return ms
    },
    async close() {
      sequence.close()
      model.close()
    },
  }
}

/** How the peer is set: it is compared by the better of the first two; its defaults are reported beside. */
export type PeerSetting = 'flash attention' | 'no flash attention' | 'defaults'

/** The peer cannot store values in 8 bits without flash attention. */
export function peerSettings(kv: string, defaults: boolean): PeerSetting[] {
  const settings: PeerSetting[] = kv === 'q8' ? ['flash attention'] : ['flash attention', 'no flash attention']
  return defaults ? [...settings, 'defaults'] : settings
}

const peerKv: Readonly<Record<string, NonNullable<PeerOptions['kv']>>> = { f16: 'F16', bf16: 'BF16', f32: 'F32', q8: 'Q8_0' }

export async function openPeer(options: ContenderOptions & { readonly setting: PeerSetting }): Promise<Contender> {
  const kv = peerKv[options.kv]
  if (!kv) throw new Error(`the peer has no KV type ${options.kv}: leave it out with --no-peer`)
  const peer = await Peer.load({
    modelPath: options.file,
    contextSize: options.contextTokens,
    kv,
    ...(options.setting === 'defaults'
      ? { flashAttention: 'default' }
      : { threads: options.threads, flashAttention: options.setting === 'flash attention' }),
  })
  let depth = 0
  return {
    name: 'node-llama-cpp',
    setting: options.setting,
    get depth() {
      return depth
    },
    async append(tokens) {
      const ms = await peer.append(tokens)
      depth += tokens.length
      return ms
    },
    async truncate(length) {
      await peer.truncate(length)
      depth = length
    },
    decode: async () => (await peer.step([5], 1)).ms,
    verify: async (rows) => (await peer.step(randomTokens(rows, vocabulary(peer.vocab), rows), rows)).ms,
    close: () => peer.close(),
  }
}

/** Brings the context to `depth` by real prefill, or by rolling back. */
export async function reach(contender: Contender, depth: number): Promise<void> {
  if (contender.depth > depth) await contender.truncate(depth)
  while (contender.depth < depth) await contender.append(randomTokens(Math.min(chunk, depth - contender.depth), 250, contender.depth))
}

/** Median of `runs` measurements; of fewer, but at least `least`, once they took ten seconds. */
export async function repeat(runs: number, least: number, measure: () => Promise<number>): Promise<{ ms: number; runs: number }> {
  const times: number[] = []
  const start = performance.now()
  while (times.length < runs && (times.length < least || performance.now() - start < 10_000)) times.push(await measure())
  return { ms: median(times), runs: times.length }
}

/** Marks the faster of the peer's settings that count (not its defaults) in every group of rows that measure the same. */
export function markBestPeer(rows: readonly Row[]): Row[] {
  const key = (r: Row) => [r.model, r.metric, r.rows, r.depth, r.kv].join('\n')
  const compared = rows.filter((r) => r.engine === 'node-llama-cpp' && r.setting !== 'defaults')
  const fastest = new Map<string, Row>()
  for (const row of compared) if (row.ms < (fastest.get(key(row))?.ms ?? Infinity)) fastest.set(key(row), row)
  return rows.map((row) => (fastest.get(key(row)) === row ? { ...row, best: true } : row))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
