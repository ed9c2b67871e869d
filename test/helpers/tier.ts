/**
 * Which tier of the tests runs: RAGDRAFT_TEST_TIER=full (`npm run test:full`), or the quick one (`npm test`). Both hold every invariant.
 * The quick tier takes pairs of parameters where the full tier takes whole products; test/cpp/support/tier.h says the same in C++. Files named
 * `*.full.test.ts` belong to the full tier alone.
 */
const wish = process.env.RAGDRAFT_TEST_TIER || 'quick'
if (wish !== 'quick' && wish !== 'full') throw new Error(`RAGDRAFT_TEST_TIER is neither "quick" nor "full": ${wish}`)

export const full = wish === 'full'

export function choose<T>(quick: T, ofFull: T): T {
  return full ? ofFull : quick
}

/** Of the instruction sets of this build and machine, best first: all of them, or the best and the portable one. */
export function isas(available: readonly string[]): readonly string[] {
  return full || available.length <= 2 ? available : [available[0]!, available.at(-1)!]
}

/** One element of each list: every combination, or as few as hold every pair of elements of every two lists. */
export function combinations<const Lists extends readonly (readonly unknown[])[]>(
  ...lists: Lists
): { -readonly [I in keyof Lists]: Lists[I][number] }[] {
  const all = lists.reduce<number[][]>((before, list) => before.flatMap((at) => Array.from(list, (_, i) => [...at, i])), [[]])
  const chosen = full || lists.length <= 2 ? all : covering(all)
  return chosen.map((at) => at.map((index, list) => lists[list]![index])) as never
}

const pairsOf = (at: readonly number[]): string[] => at.flatMap((a, i) => at.slice(i + 1).map((b, j) => `${i} ${i + 1 + j} ${a} ${b}`))

/** Always the combination with the most pairs that none before it had; of equals the first. */
function covering(all: readonly number[][]): number[][] {
  const pairs = new Map(all.map((at) => [at, pairsOf(at)]))
  const missing = new Set([...pairs.values()].flat())
  const chosen: number[][] = []
  while (missing.size > 0) {
    let [best, most] = [all[0]!, 0]
    for (const [at, ofIt] of pairs) {
      const news = ofIt.filter((pair) => missing.has(pair)).length
      if (news > most) [best, most] = [at, news]
    }
    for (const pair of pairs.get(best)!) missing.delete(pair)
    chosen.push(best)
  }
  return chosen
}
