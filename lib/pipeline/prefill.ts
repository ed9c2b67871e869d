import type { OnProgress, Progress } from '../options/options'
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
