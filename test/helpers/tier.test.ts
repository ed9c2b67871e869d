import t from 'tap'
import { combinations, full, isas } from './tier'

t.test('combinations hold every pair of elements of every two lists', async (t) => {
  const lists = [
    [1, 2, 3, 4],
    ['a', 'b', 'c', 'd', 'e', 'f'],
    [true, false],
    ['x', 'y', 'z'],
  ] as const
  const chosen = combinations(...lists)
  for (let a = 0; a < lists.length; a++)
    for (let b = a + 1; b < lists.length; b++)
      t.equal(new Set(chosen.map((at) => `${at[a]} ${at[b]}`)).size, lists[a]!.length * lists[b]!.length, `lists ${a} and ${b}`)
  if (full) t.equal(chosen.length, 144)
  else t.ok(chosen.length >= 24 && chosen.length <= 36, `${chosen.length} of 144`)
  t.equal(combinations([1, 2], [3, 4, 5]).length, 6)
})

t.test('the best and the portable instruction set are always tested', async (t) => {
  t.same(isas(['amx', 'avx512', 'avx2', 'generic']), full ? ['amx', 'avx512', 'avx2', 'generic'] : ['amx', 'generic'])
  t.same(isas(['neon', 'generic']), ['neon', 'generic'])
})
