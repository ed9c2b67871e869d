/** `npm run gpu:check` on the emulated device: the same script, the same programs, a model of two layers. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { heading, type Report } from '../../../bench/report'

const small = ['models=tiny', 'depths=64', 'draft_depth=64', 'verify=2,11', 'runs=1', 'calls=2', 'copy_mib=1', 'mma_rounds=1', 'cold_mib=1']
const kinds = ['weights=Q8_0', 'kernel_weights=Q8_0', 'kv=q8']

t.test('gpu:check', { skip: process.platform === 'win32' && 'a shell script' }, (t) => {
  const folder = t.testdir()
  const json = path.join(folder, 'report.json')
  const check = (...more: string[]) => run({}, '--alone', ...more)
  const run = (env: NodeJS.ProcessEnv, ...more: string[]) => {
    const args = ['tools/gpu-check/run.sh', '--programs', folder, '--json', json, ...more]
    const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8', env: { ...process.env, ...env } })
    return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
  }
  const report = () => JSON.parse(fs.readFileSync(json, 'utf8')) as Report & { checks: { ok: boolean }[]; goals: []; skipped: string[] }

  t.test('the programs are built', (t) => {
    const built = spawnSync(process.execPath, ['scripts/native-tests.cjs', '--cuda', 'gpu_check_test'], { encoding: 'utf8' })
    t.equal(built.status, 0) || t.comment(built.stdout + built.stderr)
    for (const [name, program] of Object.entries({ gpu_tests: 'cuda_tests', gpu_check: 'gpu_check' }))
      fs.symlinkSync(path.resolve('build', 'cmake', program), path.join(folder, name))
    t.end()
  })

  t.test('tests and figures: a report as the benchmarks have it, and how many passed', (t) => {
    const { status, stdout, last } = check('--tests', 'gather_wanted', ...small, ...kinds)
    t.equal(status, 0) || t.comment(stdout)
    t.equal(last, '4 passed, 0 failed')
    const { rows, checks, peaks, machine } = report()
    t.equal(machine.gpu, 'emulated device 0')
    t.match(heading(report()), /^emulated device 0, .*, reads [\d.]+ GB\/s, bf16 \d+ GOP\/s$/)
    t.ok(peaks!.readGbps.all > 0)
    t.strictSame(
      checks.map((c) => c.ok),
      [true, true, true],
    )
    const whole = rows.filter((r) => r.setting === undefined)
    t.strictSame(
      whole.map((r) => [r.metric, r.rows, r.depth]),
      [
        ['draft', 1, 64],
        ['decode', 1, 64],
        ['draft', 1, 64],
        ['verify', 2, 64],
        ['verify', 11, 64],
        ['round', 1, 64],
        ['prefill', 64, 0],
      ],
    )
    t.ok(rows.every((r) => r.engine === 'ragdraft' && r.ms > 0 && r.limitMs! > 0))
    t.strictSame(
      rows.filter((r) => r.metric === 'round').map((r) => [r.setting, r.draftLength, r.perSecond! > 0, (r.apartMs ?? 0) > 0]),
      [
        [undefined, 0, true, false],
        ['nested 4-bit', 1, true, true],
        ['nested 4-bit', 10, true, true],
        ['nested 4-bit, exact', 10, true, true],
        ['nested 4-bit, paper', 10, true, true],
      ],
    )
    t.match(stdout, /tiny Q8_0, q8 KV, round, 10 by nested 4-bit/)
    t.ok(whole.every((r) => r.model === 'tiny-q8_0' && r.kv === 'q8'))
    t.ok(rows.some((r) => r.setting === 'attention') && rows.some((r) => r.setting === 'linear: gate, up, draft'))
    for (const setting of [
      'draft: sampled',
      'judge: exact',
      'sums: masses',
      'rope: append',
      'embedding',
      'wanted rows',
      'inputs: norm, bytes',
    ])
      t.ok(
        rows.some((r) => r.metric === 'kernel' && r.setting === setting && r.gbps! > 0),
        setting,
      )
    t.end()
  })

  t.test('what finds no time is said to be left out', (t) => {
    const { status, last } = check('--tests', 'gather_wanted', ...small, ...kinds, 'seconds=1')
    t.equal(status, 0)
    t.match(last, /^\d passed, 0 failed$/)
    const { skipped } = report()
    t.ok(skipped.length > 0 && skipped.every((what) => /no time is left/.test(what)), skipped.join('\n'))
    t.end()
  })

  t.test('a failure is counted, in the tests and in the measurements', (t) => {
    const noTests = check('--tests', 'no such title', ...small, ...kinds)
    t.equal(noTests.status, 1)
    t.equal(noTests.last, '3 passed, 1 failed')
    const noModel = check('--tests', 'gather_wanted', ...small, ...kinds, 'models=unknown')
    t.equal(noModel.status, 1)
    t.equal(noModel.last, '1 passed, 4 failed')
    t.match(noModel.stdout, /unknown, linear, Q8_0: measuring to the end: unknown model unknown/)
    t.end()
  })

  t.test('compute-sanitizer and PyTorch are asked where they are: what they find counts, what they cannot is left out', (t) => {
    const tool = (name: string, script: string) => fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const env = { PATH: `${folder}:${process.env.PATH}` }
    const few = ['--tests', 'gather_wanted', ...small, 'weights=', 'kernel_weights=', 'kv=']
    tool('python3', 'case $1 in -c) exit 0 ;; *) echo "asked for $2" ;; esac')
    tool('compute-sanitizer', 'case $*:$6 in *racecheck*:*ldmatrix*) exit 9 ;; esac')
    const found = run(env, ...few)
    t.match(found.stdout, /not ok - racecheck: tensor_core_test.cc: ldmatrix/)
    t.match(found.stdout, /ok - memcheck: attention_test/)
    t.match(found.stdout, /\nfailed: racecheck: tensor_core_test.cc: ldmatrix\n27 passed, 1 failed\n$/)
    t.match(found.stdout, `asked for ${json}`)
    t.equal(found.status, 1)
    t.equal(found.last, '27 passed, 1 failed', 'one test, and nine by three tools')

    tool('python3', 'exit 1')
    tool('compute-sanitizer', 'echo "Error: Device not supported"; exit 1')
    const none = run(env, ...few)
    t.equal(none.last, '1 passed, 0 failed')
    t.match(none.stdout, /skipped: Error: Device not supported/)
    t.match(none.stdout, /skipped: python3 has no torch/)
    t.end()
  })

  t.test('wrong arguments, and nothing to check on', (t) => {
    t.match(check('--speed'), { status: 2, stderr: /unknown argument --speed/ })
    t.match(check('--seconds', 'soon'), { status: 2, stderr: /whole number/ })
    t.match(check('--tests', 'gather_wanted', 'runs=none'), { status: 1, last: '1 passed, 1 failed' })
    fs.rmSync(path.join(folder, 'gpu_tests'))
    fs.writeFileSync(path.join(folder, 'gpu_tests'), '#!/bin/sh\necho "Bail out! no GPU"\nexit 2\n', { mode: 0o755 })
    t.match(check(), { status: 2, stderr: /no GPU to check on/ })
    t.end()
  })
  t.end()
})
