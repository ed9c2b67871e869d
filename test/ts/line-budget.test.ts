/** No folder has more lines of code than scripts/line-budget.json allows. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'

type Sizes = Record<string, { lines: number; files: number }>
const scripts = path.resolve(__dirname, '..', '..', 'scripts')
const budget = require(path.join(scripts, 'line-budget.cjs')) as {
  measure(files: [string, string][], folders: string[]): Sizes
  problems(sizes: Sizes, limits: Record<string, number>): string[]
  tracked(): [string, string][]
}

t.test('this checkout keeps within its limits', { skip: spawnSync('git', ['ls-files']).status !== 0 && 'no checkout of git' }, (t) => {
  const limits = JSON.parse(fs.readFileSync(path.join(scripts, 'line-budget.json'), 'utf8')) as Record<string, number>
  t.strictSame(budget.problems(budget.measure(budget.tracked(), Object.keys(limits)), limits), [])
  t.end()
})

t.test('lines of code count for the longest folder of the table', (t) => {
  const files: [string, string][] = [
    ['lib/index.ts', 'a\n\n  \n// c\n/** d\n * e\n */\n  /* f */\nb // g\n'],
    ['lib/cli/deep/ask.ts', 'a\n'],
    ['native/kv/pages.cc', 'a\nb\nc'],
    ['native/kv/disk/store.cc', 'a'],
    ['test/a.ts', 'a'],
    ['examples/b.ts', 'a'],
  ]
  const sizes = budget.measure(files, ['lib', 'native/kv/disk', 'test'])
  t.strictSame(sizes, {
    lib: { lines: 3, files: 2 },
    'native/kv/disk': { lines: 1, files: 1 },
    'native/kv': { lines: 3, files: 1 },
    test: { lines: 1, files: 1 },
  })
  const found = budget.problems(sizes, { lib: 2, 'native/kv/disk': 1, test: 5 })
  t.equal(found.length, 2)
  t.match(found[0], /^lib has 3 lines of code, 1 more than its limit of 2: .*--raise lib$/)
  t.match(found[1], /^native\/kv has 3 lines of code and no limit: .*--raise native\/kv$/)
  t.end()
})
