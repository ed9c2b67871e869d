/** Decoding while another process keeps one core busy, and with more threads than cores: what waiting threads cost on a shared machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { chunk, openOurs, openPeer, repeat, withOpened } from '../contenders'
import { modelFile, modelLabel } from '../models'
import { peerMissing } from '../peers/peer'
import { distinct, type Row } from '../report'
import type { Suite, SuiteOptions } from '../suite'

const alone = 'alone'
const withNeighbour = 'one core busy'

export const busy: Suite = {
  name: 'busy',
  summary: 'decoding beside a process that keeps a core busy, and with twice as many threads as cores',
  defaults: { kvs: ['f16'] },
  run,
  table(rows) {
    const lines = distinct(rows, placeOf).map((place) => {
      const [quiet, shared] = [alone, withNeighbour].map((situation) =>
        rows.find((r) => placeOf(r) === place && situationOf(r) === situation),
      )
      const number = (row: Row | undefined) => (row ? row.ms.toFixed(1) : '-')
      const { engine, model } = (quiet ?? shared)!
      return [
        model,
        engine,
        threadsOf((quiet ?? shared)!),
        number(quiet),
        number(shared),
        quiet && shared ? (shared.ms / quiet.ms).toFixed(2) : '-',
      ]
    })
    return [['model', 'engine', 'threads', 'alone ms', 'one core busy ms', 'times slower'], ...lines]
  },
}

const threadsOf = (row: Row) => row.setting!.split(', ')[0]!
const situationOf = (row: Row) => row.setting!.split(', ')[1]!
const placeOf = (row: Row) => [row.model, row.engine, threadsOf(row)].join('\n')

async function run(options: SuiteOptions): Promise<Row[]> {
  const rows: Row[] = []
  const missing = options.peer ? peerMissing() : 'asked to'
  if (missing) options.log(`without the peer: ${missing}`)
  const counts = [0, options.threads, 2 * options.threads] // 0: the engine's own default
  for (const name of options.models.length > 0 ? options.models : ['llama-3.2-1b-q8_0']) {
    const file = await modelFile(name, options.log)
    for (const kv of options.kvs)
      for (const engine of missing ? (['ragdraft'] as const) : (['ragdraft', 'node-llama-cpp'] as const))
        for (const threads of counts) {
          const common = { file, kv, threads, contextTokens: chunk }
          const open = () =>
            engine === 'ragdraft' ? openOurs(common) : openPeer({ ...common, setting: threads === 0 ? 'defaults' : 'flash attention' })
          const label = threads === 0 ? 'default threads' : `${threads} threads`
          await withOpened(open, async (contender) => {
            for (const situation of [alone, withNeighbour]) {
              const cell = { suite: 'busy', engine, model: modelLabel(file), metric: 'decode', rows: 1, depth: 0, kv } as const
              const row = await options.journal.measure({ ...cell, setting: `${label}, ${situation}` }, async () => {
                const there = await contender()
                const neighbour = situation === alone ? undefined : await keepACoreBusy()
                try {
                  await there.decode() // warm-up
                  return await repeat(options.runs, 3, () => there.decode())
                } finally {
                  neighbour?.kill('SIGKILL')
                }
              })
              rows.push(row)
            }
          })
        }
  }
  return rows
}

/** A process that computes without end, on the last core that we may use where the system can say so, else where it is put. */
async function keepACoreBusy(): Promise<ChildProcess> {
  const loop = [process.execPath, '-e', 'for (;;);']
  const pinned = os.platform() === 'linux' && spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', lastCore()] : []
  const [command, ...args] = [...pinned, ...loop]
  const child = spawn(command!, args, { stdio: 'ignore' })
  await sleep(500) // it starts
  if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`)
  return child
}

/** "Cpus_allowed_list: 0-2,5" -> "5". */
const lastCore = () => /^Cpus_allowed_list:.*?(\d+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))![1]!
