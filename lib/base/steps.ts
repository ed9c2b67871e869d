/** Long computations in JavaScript, in steps, so that the event loop goes on turning meanwhile. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * A computation that may be paused: it yields how far it has come, in a unit of its own, and returns its result. What it does
 * between two yields should take about a millisecond at most.
 */
export type Steps<T> = Generator<number, T, undefined>

/** The event loop gets a turn after this long, in ms: a frame of an interface. */
const sliceMs = 12

export interface SliceOptions {
  readonly signal?: AbortSignal | undefined
  /** Called at the end of each slice with what was yielded last, if that is less than `total`. */
  readonly onProgress?: ((processed: number) => void) | undefined
  /** What `onProgress` is told once, when the computation is complete. Default: nothing is told then. */
  readonly total?: number | undefined
}

/** Runs a computation in slices of some milliseconds, with the event loop free in between. Rejects with `signal.reason`. */
export async function inSlices<T>(steps: Steps<T>, { signal, onProgress, total }: SliceOptions = {}): Promise<T> {
  signal?.throwIfAborted()
  let sliceEnd = performance.now() + sliceMs
  for (;;) {
    const step = steps.next()
    if (step.done) {
      if (total !== undefined) onProgress?.(total)
      return step.value
    }
    if (performance.now() < sliceEnd) continue
    if (total === undefined || step.value < total) onProgress?.(step.value)
    await nextTurn()
    signal?.throwIfAborted()
    sliceEnd = performance.now() + sliceMs
  }
}

/** Runs a computation to its end at once: for short inputs. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same computation as a part of a larger one: `map` says how far that has come. */
export function* mapProgress<T>(steps: Steps<T>, map: (processed: number) => number): Steps<T> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    yield map(step.value)
  }
}
