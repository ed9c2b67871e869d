/** node-llama-cpp behind a child process. Optional: `npm run peers:install` puts it in place; nothing in the package needs it. */
import { type ChildProcess, fork } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { repeatState, stateFileVersion } from './state-file'

const root = path.resolve(__dirname, '..', '..')
const folder = path.join(root, 'bench', 'peers')

/** Why the peer cannot be used, or undefined if it is installed. For `t.skip`. */
export function peerMissing(): string | undefined {
  const binary = path.join(folder, 'node_modules', '@node-llama-cpp', `${process.platform}-${process.arch}`)
  return fs.existsSync(binary) ? undefined : 'node-llama-cpp is not installed: npm run peers:install'
}

export interface PeerOptions {
  modelPath: string
  contextSize: number
  /** 0 or absent: the peer's own default. */
  threads?: number
  /** Absent: off. 'default': the peer's own default. */
  flashAttention?: boolean | 'default'
  kv?: 'F16' | 'BF16' | 'F32' | 'Q8_0'
  batchSize?: number
}

export class Peer {
  #child: ChildProcess
  #next = 0
  #loaded = { vocab: 0, ms: 0, rss: 0 }
  #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()

  private constructor() {
    this.#child = fork(path.join(folder, 'worker.mjs'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' })
    this.#child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
      const call = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.error !== undefined) call?.reject(new Error(`node-llama-cpp: ${message.error}`))
      else call?.resolve(message.result)
    })
    this.#child.on('exit', (code, signal) => {
      for (const call of this.#waiting.values()) call.reject(new Error(`node-llama-cpp ended: ${signal ?? code}`))
      this.#waiting.clear()
    })
  }

  static async load(options: PeerOptions): Promise<Peer> {
    const peer = new Peer()
    try {
      peer.#loaded = await peer.#call('load', { ...options })
      return peer
    } catch (error) {
      await peer.close()
      throw error
    }
  }

  #call<T>(command: string, args: object): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ id, command, ...args })
    })
  }

  /** Tokens of the model's vocabulary; the time of the load in ms, and the bytes that were resident before it. */
  get loaded(): { readonly vocab: number; readonly ms: number; readonly rss: number } {
    return this.#loaded
  }

  /** Logits of the last `rows` of `tokens`, evaluated from an empty context. */
  async logits(tokens: readonly number[], rows: number): Promise<number[][]> {
    return (await this.#call<{ logits: number[][] }>('logits', { tokens, rows })).logits
  }

  /** Appends tokens without wanting logits; the time it took, in ms. */
  async append(tokens: readonly number[]): Promise<number> {
    return (await this.#call<{ ms: number }>('append', { tokens })).ms
  }

  /** One pass over `tokens` with a greedy choice at each of the last `rows`, rolled back afterwards; the pass's time in ms. */
  async step(tokens: readonly number[], rows: number): Promise<{ ms: number; top: number[] }> {
    return this.#call('step', { tokens, rows })
  }

  /** Rolls the context back to its first `length` tokens. */
  async truncate(length: number): Promise<void> {
    await this.#call('truncate', { length })
  }

  /**
   * Lengthens the context to `depth` tokens by copies of itself: no prefill, but also no meaning. For timing.
   * @throws Error for a node-llama-cpp whose state files are not known
   */
  async repeat(depth: number): Promise<void> {
    const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'node_modules', 'node-llama-cpp', 'package.json'), 'utf8'))
    if (version !== stateFileVersion) throw new Error(`state files of node-llama-cpp ${stateFileVersion} are known, not of ${version}`)
    const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-state-'))
    const [now, deeper] = ['now', 'deeper'].map((name) => path.join(temporary, name)) as [string, string]
    try {
      await this.#call('save', { path: now })
      repeatState(now, deeper, depth)
      await this.#call('restore', { path: deeper })
    } finally {
      fs.rmSync(temporary, { recursive: true })
    }
  }

  /** Resident memory of its process in bytes: now, and at most so far. */
  async memory(): Promise<{ rss: number; peak: number }> {
    return this.#call('memory', {})
  }

  async tokenize(text: string): Promise<number[]> {
    return (await this.#call<{ tokens: number[] }>('tokenize', { text })).tokens
  }

  /** Ends the process; resolves when its memory is free again. */
  close(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      if (this.#child.connected) this.#child.disconnect()
    })
  }
}
