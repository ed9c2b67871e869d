/** The messages between main.cjs and worker.cjs. */
import type { Citation, FinishReason } from 'ragdraft'

export type ToWorker =
  | { type: 'open'; model: string; document: string }
  | { type: 'ask'; id: number; question: string }
  | { type: 'stop'; id: number }
  | { type: 'close' }

export type FromWorker =
  | { type: 'ready'; tokens: number }
  | { type: 'delta'; id: number; text: string }
  | { type: 'answer'; id: number; citations: readonly Citation[]; finishReason: FinishReason }
  /** Of a question, or of what came before; `code` is that of a RagdraftError, or "AbortError" after `stop`. */
  | { type: 'error'; id: number | undefined; code: string; message: string }

interface ParentPort {
  on(event: 'message', listener: (event: { data: ToWorker }) => void): void
  postMessage(message: FromWorker): void
}

declare global {
  namespace NodeJS {
    interface Process {
      /** Electron has it in utility processes. */
      readonly parentPort: ParentPort
    }
  }
}
