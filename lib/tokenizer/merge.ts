import { Int32List } from '../base/int32-list'
import type { Steps } from '../base/steps'

/** Pairs looked at between two pauses: a few tenths of a millisecond. */
const kPairsPerStep = 256

/** A candidate merge of the symbol at `left` with the next one, valid while both still have the lengths it was made for. */
interface Candidate {
  readonly rank: number
  readonly left: number
  readonly length: number
}

const before = (a: Candidate, b: Candidate): boolean => a.rank < b.rank || (a.rank === b.rank && a.left < b.left)

/**
 * Merges neighbours, the lowest rank first and the leftmost of equals, until none is left that `rankOf` knows.
 * Time O(n log n) in the number of symbols, in steps, so that a megabyte without a single break is no trap.
 * @param symbols the text's symbols in order, none empty; used as working memory
 * @param rankOf rank of a merge, undefined if there is none
 */
export function* mergePairs(symbols: string[], rankOf: (left: string, right: string) => number | undefined): Steps<string[]> {
  const count = symbols.length
  const previous = new Int32Array(count)
  const next = new Int32Array(count) // `count` ends the chain
  const heap: Candidate[] = []

  const consider = (left: number): void => {
    const right = left < 0 ? count : next[left]!
    if (right >= count) return
    const rank = rankOf(symbols[left]!, symbols[right]!)
    if (rank !== undefined) push(heap, { rank, left, length: symbols[left]!.length + symbols[right]!.length })
  }

  let taken = 0
  for (let i = 0; i < count; i++) {
    previous[i] = i - 1
    next[i] = i + 1
  }
  for (let i = 0; i + 1 < count; i++) {
    consider(i)
    if (++taken % kPairsPerStep === 0) yield 0
  }
  for (let best = pop(heap); best; best = pop(heap)) {
    if (++taken % kPairsPerStep === 0) yield 0
    const { left, length } = best
    const right = next[left]!
    // A symbol that was merged into its left neighbour is empty; one that grew since has another length.
    if (symbols[left] === '' || right >= count || symbols[left]!.length + symbols[right]!.length !== length) continue
    symbols[left] += symbols[right]!
    symbols[right] = ''
    next[left] = next[right]!
    if (next[left]! < count) previous[next[left]!] = left
    consider(previous[left]!)
    consider(left)
  }
  return symbols.filter((symbol) => symbol !== '')
}

/** The tokens of merged symbols, in steps. */
export function* idsOfSymbols(symbols: readonly string[], idsOf: (symbol: string) => readonly number[]): Steps<Int32Array> {
  const ids = new Int32List()
  for (const [index, symbol] of symbols.entries()) {
    for (const id of idsOf(symbol)) ids.push(id)
    if (index % kPairsPerStep === kPairsPerStep - 1) yield 0
  }
  return ids.toArray()
}

function push(heap: Candidate[], candidate: Candidate): void {
  let at = heap.push(candidate) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(candidate, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = candidate
}

function pop(heap: Candidate[]): Candidate | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (!top || !last || heap.length === 0) return top
  let at = 0
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}
