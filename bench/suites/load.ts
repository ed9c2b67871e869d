/** Loading a model for the first and the second time, each in a process of its own, and the memory that it takes to answer. */
import { fork } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { randomTokens } from '../../test/helpers/native'
import { chunk, peerKv } from '../contenders'
import { kvTokenBytes, shapeOf } from '../limits'
import type { Loaded } from '../load-child'
import { modelFile, modelLabel } from '../models'
import { Peer, peerMissing } from '../peers/peer'
import type { Measured, Row } from '../report'
import type { Suite, SuiteOptions } from '../suite'

const settings = ['first load', 'second load'] as const

export const load: Suite = {
  name: 'load',
  summary: 'first and second load of a model, and its memory beside the sum of weights and KV',
  defaults: { kvs: ['f16'] },
  run,
  table(rows) {
    const mib = (value: number | undefined) => value!.toFixed(0)
    const header = ['model', 'KV', 'engine', 'setting', 'ms', 'peak MiB', 'steady MiB', 'weights + KV MiB', 'steady / this']
    const lines = rows.map((r) => {
      const measured = [r.ms.toFixed(0), mib(r.peakMiB), mib(r.steadyMiB), mib(r.neededMiB), (r.steadyMiB! / r.neededMiB!).toFixed(2)]
      return [r.model, r.kv, r.engine, r.setting!, ...measured]
    })
    return [header, ...lines]
  },
}

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  for (const name of options.models.length > 0 ? options.models : ['llama-3.2-1b-q8_0']) {
    const file = await modelFile(name, options.log)
    for (const kv of options.kvs) {
      // What a load keeps for the next one is kept here, so that the first is the first.
      const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-load-'))
      try {
        const engines = missing ? (['ragdraft'] as const) : (['ragdraft', 'node-llama-cpp'] as const)
        for (const engine of engines)
          for (const setting of settings) {
            const cell = { suite: 'load', engine, model: modelLabel(file), metric: 'load', rows: 0, depth: chunk, kv, setting } as const
            const work = () => (engine === 'ragdraft' ? ours(file, kv, options.threads, cache) : peers(file, kv, options.threads))
            rows.push(await options.journal.measure(cell, work))
          }
      } finally {
        fs.rmSync(cache, { recursive: true })
      }
    }
  }
  return rows
}

const mib = 2 ** 20

/** In a new process. @param cache where it may keep what helps the next load */
async function ours(file: string, kv: string, threads: number, cache: string): Promise<Measured> {
  const child = fork(path.join(__dirname, '..', 'load-child.ts'), [file, String(threads), kv], {
    env: { ...process.env, XDG_CACHE_HOME: cache, LOCALAPPDATA: cache },
  })
  const loaded = await new Promise<Loaded>((resolve, reject) => {
    child.on('message', (message) => resolve(message as Loaded))
    child.on('exit', (code, signal) => reject(new Error(`the loading process ended with ${signal ?? code}`)))
  })
  const needed = loaded.weightBytes + loaded.tokens * kvTokenBytes(await shapeOf(file), kv)
  return {
    ms: loaded.ms,
    runs: 1,
    peakMiB: (loaded.peak - loaded.before) / mib,
    steadyMiB: (loaded.steady - loaded.before) / mib,
    neededMiB: needed / mib,
  }
}

/** Also in a new process, with as many tokens; it allocates its whole context at once. */
async function peers(file: string, kv: string, threads: number): Promise<Measured> {
  const contextSize = 2 * chunk
  const type = peerKv[kv]
  if (!type) throw new Error(`the peer has no KV type ${kv}: leave it out with --no-peer`)
  const peer = await Peer.load({ modelPath: file, contextSize, threads, kv: type, flashAttention: true })
  try {
    const { ms, rss: before } = peer.loaded
    await peer.append(randomTokens(chunk, 250))
    for (let i = 0; i < 16; i++) await peer.step([5], 1)
    const { rss, peak } = await peer.memory()
    const shape = await shapeOf(file)
    const weights = [...shape.layersWeights, shape.output].reduce((sum, { bytes }) => sum + bytes, 0)
    const needed = weights + contextSize * kvTokenBytes(shape, kv)
    return { ms, runs: 1, peakMiB: (peak - before) / mib, steadyMiB: (rss - before) / mib, neededMiB: needed / mib }
  } finally {
    await peer.close()
  }
}
