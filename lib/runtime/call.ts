/** The addon's callback functions as promises that obey an AbortSignal. */
import { types } from 'node:util'
import { onAbort } from '../base/abort'
import { type ErrorCode, RagdraftError } from '../base/errors'
import type { Cancel, Done } from './binding'

/**
 * Errors of the binding carry a code of ours: they become RagdraftErrors with it, and keep their cause. They belong to the realm that loaded
 * the addon first: in Jest, as in any vm context, that is another one, whose errors are no instances of our `Error`.
 */
export function fromNative(error: unknown): unknown {
  if (error instanceof RagdraftError || !types.isNativeError(error)) return error
  const code = (error as Error & { code?: unknown }).code
  return new RagdraftError(typeof code === 'string' ? (code as ErrorCode) : 'ERR_INTERNAL', error.message, { cause: error })
}

/** Runs a synchronous function of the binding. */
export function callSync<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw fromNative(error)
  }
}

export interface NativeCall<T> {
  readonly signal: AbortSignal | undefined
  /** Starts the work. `guard` wraps callbacks into user code: what they throw cancels the work and becomes its error. */
  readonly start: (done: Done<T>, guard: <A extends unknown[]>(callback: (...args: A) => void) => (...args: A) => void) => Cancel
  /** Takes a result that came although the call was cancelled: a handle is closed here, statistics are kept. */
  readonly onCancelled?: (result: T) => void
}

/**
 * Settles when the native work has really ended, also after an abort: no buffer, handle or thread is in use afterwards.
 * Rejects with `signal.reason` if the signal aborts first.
 */
export function call<T>({ signal, start, onCancelled }: NativeCall<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal?.throwIfAborted()
    let stopped: { reason: unknown } | undefined
    let cancel: Cancel | undefined
    const stop = (reason: unknown) => {
      if (stopped) return
      stopped = { reason }
      cancel?.()
    }
    const done: Done<T> = (error, result) => {
      unlisten?.()
      if (stopped) {
        if (result !== undefined) onCancelled?.(result)
        reject(stopped.reason)
      } else if (error) reject(fromNative(error))
      else resolve(result as T)
    }
    const unlisten = signal && onAbort(signal, () => stop(signal.reason))
    const guard =
      <A extends unknown[]>(callback: (...args: A) => void) =>
      (...args: A) => {
        if (stopped) return
        try {
          callback(...args)
        } catch (error) {
          stop(error)
        }
      }
    try {
      cancel = start(done, guard)
    } catch (error) {
      unlisten?.()
      throw fromNative(error)
    }
    if (stopped) cancel() // a callback failed before start() returned
  })
}
