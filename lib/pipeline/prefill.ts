import { linkSignals } from '../base/abort'
import type { OnProgress, Progress } from '../options/progress'
import type { Binding, NativeSequence } from '../runtime/binding'
import { call } from '../runtime/call'

export interface PrefillTask {
  readonly sequence: NativeSequence
  /** Tokens of the prompt that are not in the cache yet; may be none. */
  readonly tokens: Int32Array
  readonly phase: Extract<Progress['phase'], `prefill-${string}`>
  readonly onProgress: OnProgress | undefined
  readonly signal: AbortSignal
}

/** Appends tokens to a sequence; progress counts the whole prompt, what was cached included. Rejects with `signal.reason`. */
export async function prefill(binding: Binding, { sequence, tokens, phase, onProgress, signal }: PrefillTask): Promise<void> {
  if (tokens.length === 0) return
  const cached = sequence.length
  const total = cached + tokens.length
  const report = (done: number) => onProgress?.({ phase, processed: cached + done, total, cached })
  report(0)
  await call<undefined>({ signal, start: (done, guard) => binding.prefill(sequence, tokens, guard(report), done) })
}

/** Several prompts at the same time: the engine takes turns. If one fails, the others are stopped before this rejects. */
export async function prefillAll(binding: Binding, tasks: readonly PrefillTask[]): Promise<void> {
  const link = linkSignals(...tasks.map(({ signal }) => signal))
  const run = async (task: PrefillTask) => {
    try {
      await prefill(binding, { ...task, signal: link.signal })
    } catch (error) {
      link.abort(error)
      throw error
    }
  }
  try {
    await Promise.allSettled(tasks.map(run))
    link.signal.throwIfAborted()
  } finally {
    link.dispose()
  }
}
