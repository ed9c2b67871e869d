/** What a command may touch of the process: tests give it streams and a library of their own. */
import type { Readable, Writable } from 'node:stream'
import type { inspectModel } from '../api/inspect-model'
import type { listGpus } from '../api/list-gpus'
import type { loadModel } from '../api/load-model'
import type { demoBook, ensureDemoModel } from '../demo'

export interface Io {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stdin: Readable & { readonly isTTY?: boolean }
  /** Calls the listener on SIGINT (Ctrl-C) until the returned function is called. */
  onInterrupt(listener: () => void): () => void
}

/** The parts of the library that commands use. */
export interface Library {
  readonly loadModel: typeof loadModel
  readonly inspectModel: typeof inspectModel
  readonly listGpus: typeof listGpus
  readonly ensureDemoModel: typeof ensureDemoModel
  readonly demoBook: typeof demoBook
}

/** A mistake in the command line: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The user pressed Ctrl-C: exit code 130, as a shell reports SIGINT. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** A signal that aborts on the first SIGINT; `release` gives SIGINT back. */
export function interruptSignal(io: Io): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController()
  const release = io.onInterrupt(() => controller.abort(new Interrupted('interrupted')))
  return { signal: controller.signal, release }
}
