/** AbortSignals of callers and of owners: many requests listen to one, and one request to several. */

interface Relay {
  readonly listeners: Set<() => void>
  readonly stop: () => void
}
const relays = new WeakMap<AbortSignal, Relay>()

/**
 * Calls `listener` when the signal aborts; not if it has. Returns what takes the listener off again. However many there are, the signal
 * has one of ours: at the eleventh Node would warn of a leak, and a dozen questions under one signal are none.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let relay = relays.get(signal)
  if (relay === undefined) {
    const listeners = new Set<() => void>()
    const relayAbort = () => {
      for (const each of [...listeners]) each()
    }
    const stop = () => {
      signal.removeEventListener('abort', relayAbort)
      relays.delete(signal)
    }
    relay = { listeners, stop }
    relays.set(signal, relay)
    signal.addEventListener('abort', relayAbort)
  }
  const { listeners, stop } = relay
  const entry = () => listener()
  listeners.add(entry)
  return () => {
    if (listeners.delete(entry) && listeners.size === 0) stop()
  }
}

export interface LinkedSignal {
  readonly signal: AbortSignal
  abort(reason: unknown): void
  /** Takes the listeners off the sources: they outlive requests. */
  dispose(): void
}

/**
 * A signal that aborts with the first of `sources`, which may be signals of another realm or library.
 * (AbortSignal.any() keeps entries on long-lived sources in the Node versions that we support.)
 */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController()
  const removers: (() => void)[] = []
  for (const source of sources) {
    if (!source) continue
    if (source.aborted) {
      controller.abort(source.reason)
      break
    }
    removers.push(onAbort(source, () => controller.abort(source.reason)))
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    dispose: () => {
      for (const remove of removers) remove()
    },
  }
}

/** What `work` gives, or `signal.reason` as soon as the signal aborts: for work of others, which may not listen to it. */
export async function untilAborted<T>(signal: AbortSignal, work: () => PromiseLike<T> | T): Promise<T> {
  signal.throwIfAborted()
  return new Promise<T>((resolve, reject) => {
    const remove = onAbort(signal, () => reject(signal.reason))
    const task = async () => work()
    task().then(resolve, reject).finally(remove)
  })
}
