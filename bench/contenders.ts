/** The engines with one face: a model, a context that grows and rolls back, and the times of its passes. */

import type { KvType } from '../lib/options/open'
import type { NativeSequence } from '../lib/runtime/binding'
import { evaluate, generate, loadModel, prefill, randomTokens } from '../test/helpers/native'
import type { PeerSetting } from './compare'
import { Peer, type PeerOptions } from './peers/peer'
import { type Measured, median, type Row } from './report'

/** Tokens appended at once; the chunk whose time stands for prefill at a depth. The peer's batch size. */
export const chunk = 512

/** A context that grows and rolls back. */
export interface Context {
  /** Tokens in it. */
  readonly depth: number
  /** Appends tokens; ms. */
  append(tokens: readonly number[]): Promise<number>
  /** Rolls back. */
  truncate(depth: number): Promise<void>
  /** Lengthens the context by copies of itself. */
  repeat(depth: number): Promise<void>
}

export interface Contender extends Context {
  readonly name: Row['engine']
  readonly setting?: string
  /** One token of plain greedy decoding, rolled back; ms. */
  decode(): Promise<number>
  /** One pass over `rows` tokens with logits for each, rolled back; ms. */
  verify(rows: number): Promise<number>
  close(): Promise<void>
}

export interface ContenderOptions {
  readonly file: string
  readonly contextTokens: number
  /** 0: the engine's own default. */
  readonly threads: number
  readonly kv: string
}

/** Random ids must be tokens of every model, with room for those that are special. */
const vocabulary = (size: number) => Math.min(size, 4000)

export function contextOf(sequence: NativeSequence): Context {
  return {
    get depth() {
      return sequence.length
    },
    append: (tokens) => timed(() => prefill(sequence, tokens)),
    truncate: async (depth) => sequence.truncate(depth),
    repeat: async (depth) => sequence.repeat(depth),
  }
}

export async function openOurs(options: ContenderOptions): Promise<Contender> {
  const model = await loadModel(options.file, { threads: options.threads })
  // The addon refuses names that it does not know.
  const sequence = model.createSequence({ contextTokens: options.contextTokens, kv: options.kv as KvType })
  const vocab = vocabulary(model.info.vocab)
  const decoded = 8 // tokens a measurement: the first one's start-up is not a token's cost
  const { append, truncate, repeat } = contextOf(sequence)
  return {
    name: 'ragdraft',
    get depth() {
      return sequence.length
    },
    append,
    truncate,
    repeat,
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

/** How the peer names KV types. */
export const peerKv: Readonly<Record<string, NonNullable<PeerOptions['kv']>>> = { f16: 'F16', bf16: 'BF16', f32: 'F32', q8: 'Q8_0' }

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
    async repeat(length) {
      await peer.repeat(length)
      depth = length
    },
    decode: async () => (await peer.step([5], 1)).ms,
    verify: async (rows) => (await peer.step(randomTokens(rows, vocabulary(peer.loaded.vocab), rows), rows)).ms,
    close: () => peer.close(),
  }
}

/** Opens something where `work` first asks for it, and closes it. */
export async function withOpened<T extends { close(): unknown }>(
  open: () => Promise<T>,
  work: (opened: () => Promise<T>) => Promise<void>,
): Promise<void> {
  let opened: Promise<T> | undefined
  const get = () => {
    opened ??= open()
    return opened
  }
  try {
    await work(get)
  } finally {
    await (await opened)?.close()
    globalThis.gc?.()
  }
}

/** Tokens that are read at least; a whole number of pages. */
const readTokens = 1024

/**
 * Brings the context to `depth`, by rolling back or reading. Beyond 1,024 tokens it is made of copies of these: what keys and values
 * hold does not change how long a pass over them takes. `read`: all of it is read. Other seeds are other texts.
 */
export async function reach(context: Context, depth: number, read: boolean, seed = 0): Promise<void> {
  if (context.depth > depth) await context.truncate(depth)
  if (context.depth === depth) return
  if (!read && context.depth > readTokens) await context.truncate(readTokens)
  const end = read ? depth : Math.min(depth, readTokens)
  while (context.depth < end) await context.append(randomTokens(Math.min(chunk, end - context.depth), 250, seed + context.depth))
  if (context.depth < depth) await context.repeat(depth)
}

/**
 * Medians of `runs` measurements of each contender; of fewer, but at least `least`, once they took ten seconds each. One of each in turn, so
 * that what else the machine does meets all of them.
 */
export async function inTurn(runs: number, least: number, measures: readonly (() => Promise<number>)[]): Promise<Measured[]> {
  const times = measures.map((): number[] => [])
  const end = performance.now() + 10_000 * measures.length
  for (let run = 0; run < runs && (run < least || performance.now() < end); run++)
    for (const [i, measure] of measures.entries()) times[i]!.push(await measure())
  return times.map((all) => ({ ms: median(all), runs: all.length }))
}

/** The same for one. */
export const repeat = async (runs: number, least: number, measure: () => Promise<number>): Promise<Measured> =>
  (await inTurn(runs, least, [measure]))[0]!

/** A token of the peer's plain decoding behind `depth` tokens: what it costs does not depend on which tokens they are. */
export async function peerPlain(
  peer: () => Promise<Contender>,
  depth: number,
  options: { runs: number; read: boolean },
): Promise<Measured> {
  const there = await peer()
  await reach(there, depth, options.read)
  await there.decode() // warm-up
  return repeat(2 * options.runs, 3, () => there.decode())
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
