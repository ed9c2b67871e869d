/** The layers of native/ go one way, and the script that says so notices where they do not. */
import { spawnSync } from 'node:child_process'
import t from 'tap'

const run = (...args: string[]) => spawnSync(process.execPath, ['scripts/check-native-layers.cjs', ...args], { encoding: 'utf8' })

t.test('native/ keeps to the table of scripts/check-native-layers.cjs', (t) => {
  const { status, stderr } = run()
  t.equal(status, 0, stderr)
  t.match(run('--table').stdout, /^kv +base$/m)
  t.end()
})

t.test('wrong includes are named', (t) => {
  const native = t.testdir({
    base: { 'error.h': '#include "model/plan.h"\n' },
    model: { 'plan.h': '#include "base/error.h"\n#include "model/gone.h"\n' },
    ops: { cpu: { 'linear.cc': '#include "ops/cuda/device.h"\n' }, cuda: { 'device.h': '' } },
    kv: { 'pages.h': '  #  include <napi.h>\n' },
    other: { 'x.cc': '' },
  })
  const { status, stderr } = run(native)
  t.equal(status, 1)
  for (const problem of [
    'base/error.h includes model/plan.h: base may not include model',
    'a circle: base/error.h > model/plan.h > base/error.h',
    'model/plan.h includes "model/gone.h", which is not in native/',
    'ops/cpu/linear.cc includes ops/cuda/device.h: ops/cpu may not include ops/cuda',
    'kv/pages.h includes <napi.h>: only addon may',
    'other/x.cc lies in no layer of the table',
    'the table lets io include formats, which it does not',
  ])
    t.match(stderr, problem)
  t.end()
})
