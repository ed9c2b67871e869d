/** Requests that call a callback of the caller while they run. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { linkSignals } from './abort'

/**
 * Runs `task` under the signals, with a callback that ends it when the caller's own fails. What that throws, or rejects with where it is
 * async, is what this rejects with: the very value, `undefined` too, and the first of several. A callback that rejects after the end of the
 * request can end nothing: it is an unhandled rejection, as it would be without us.
 * @param discard gives back a result that is not handed over, because the callback failed at the very end
 */
export async function whileListening<Args extends unknown[], T>(
  callback: ((...args: Args) => unknown) | undefined,
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal, tell: ((...args: Args) => void) | undefined) => Promise<T>,
  discard?: (result: T) => Promise<void>,
): Promise<T> {
  const link = linkSignals(...signals)
  let failure: { readonly value: unknown } | undefined
  let pending = 0 // calls of an async callback
  let ended = false
  const fail = (value: unknown) => {
    if (failure) return
    failure = { value }
    link.abort(value)
  }
  const tell = (...args: Args) => {
    let result: unknown
    try {
      result = callback?.(...args)
    } catch (error) {
      fail(error)
      throw error
    }
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') return
    const settled = () => {
      pending--
    }
    pending++
    Promise.resolve(result).then(settled, (error) => {
      settled()
      if (ended && !failure) throw error
      fail(error)
    })
  }
  const outcome = async () => {
    link.signal.throwIfAborted()
    return task(link.signal, callback && tell)
  }
  try {
    const result = await outcome()
    if (pending > 0) await nextTurn() // a failure is noticed; a call that goes on is not waited for
    if (!failure) return result
    await discard?.(result)
    throw failure.value
  } catch (error) {
    throw failure ? failure.value : error
  } finally {
    ended = true
    link.dispose()
  }
}
