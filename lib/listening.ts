/** Requests that call a callback of the caller while they run. */
import { linkSignals } from './abort'

/**
 * Runs `task` under the signals, with a callback that ends it when the caller's own fails. What that throws, or rejects with where it is
 * async, is what this rejects with: the very value, `undefined` too, and the first of several. A callback that rejects after the end of the
 * request can end nothing: it is an unhandled rejection, as it would be without us.
 */
export async function whileListening<Args extends unknown[], T>(
  callback: ((...args: Args) => unknown) | undefined,
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal, tell: ((...args: Args) => void) | undefined) => Promise<T>,
): Promise<T> {
  const link = linkSignals(...signals)
  let failure: { readonly value: unknown } | undefined
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
    Promise.resolve(result).catch((error) => {
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
    if (failure) void Promise.reject(failure.value) // it came too late to end the request
    return result
  } catch (error) {
    throw failure ? failure.value : error
  } finally {
    ended = true
    link.dispose()
  }
}
