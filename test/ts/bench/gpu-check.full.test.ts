/** `npm run gpu:check` on the emulated device: the same script, the same programs, a model of two layers. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'

const small = ['models=tiny', 'depths=64', 'verify=2,11', 'runs=1', 'calls=2', 'read_mib=1', 'mma_rounds=1', 'cold_mib=1', 'kv=q8']
const one = [...small, 'weights=Q8_0', 'kernel_weights=Q8_0']
const none = [...small, 'models=']

t.test('gpu:check', { skip: process.platform === 'win32' && 'a shell script' }, (t) => {
  const folder = t.testdir()
  const json = path.join(folder, 'report.jsonl')
  const check = (...more: string[]) => run({}, '--alone', ...more)
  const run = (env: NodeJS.ProcessEnv, ...more: string[]) => {
    const args = ['tools/gpu-check/run.sh', '--programs', folder, '--json', json, '--tests', 'gather_wanted', ...more]
    const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8', env: { ...process.env, ...env } })
    return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
  }
  const program = (name: string, script: string) => {
    fs.rmSync(path.join(folder, name), { force: true })
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }

  t.test('the programs are built', (t) => {
    const built = spawnSync(process.execPath, ['scripts/native-tests.cjs', '--cuda', 'gpu_check_test'], { encoding: 'utf8' })
    t.equal(built.status, 0) || t.comment(built.stdout + built.stderr)
    for (const [name, program] of Object.entries({ gpu_tests: 'cuda_tests', gpu_check: 'gpu_check' }))
      fs.symlinkSync(path.resolve('build', 'cmake', program), path.join(folder, name))
    t.end()
  })

  t.test('tests and figures: a line of JSON for each, and how many passed', (t) => {
    const { status, stdout, last } = check(...one)
    t.equal(status, 0) || t.comment(stdout)
    t.equal(last, '3 passed, 0 failed', 'a test and two checks of the passes')
    const lines = fs.readFileSync(json, 'utf8').trimEnd().split('\n')
    const objects = lines.map((line) => JSON.parse(line) as Record<string, string | number | boolean>)
    t.type(objects[0]!.commit, 'string')
    t.match(objects[1], { gpu: 'emulated device 0', readGbps: Number, bf16Gops: Number })
    const rows = objects.filter((o) => 'metric' in o)
    t.strictSame(
      rows.filter((r) => r.metric !== 'kernel' && !('setting' in r)).map((r) => [r.metric, r.rows, r.depth]),
      [
        ['decode', 1, 64],
        ['draft', 1, 64],
        ['verify', 2, 64],
        ['verify', 11, 64],
        ['prefill', 64, 0],
      ],
    )
    t.ok(rows.every((r) => r.model === 'tiny' && Number(r.ms) > 0 && Number(r.limitMs) > 0))
    const kernels = [
      ...['attention', 'linear: gate, up', 'linear: gate, up, draft', 'draft: sampled', 'judge: exact', 'sums: masses', 'rope: append'],
      ...['embedding', 'wanted rows', 'inputs: norm, bytes'],
    ]
    for (const setting of kernels)
      t.ok(
        rows.some((r) => r.metric === 'kernel' && r.setting === setting && Number(r.gbps) > 0),
        setting,
      )
    t.end()
  })

  t.test('what finds no time is left out, and said to be', (t) => {
    const { status, stdout, last } = check(...one, '--seconds', '1')
    t.match(stdout, /skipped: passes tiny Q8_0: no time is left for it/)
    t.match({ status, last }, { status: 0, last: '1 passed, 0 failed' })
    t.end()
  })

  t.test('a failure is counted, in the tests and in the measurements', (t) => {
    t.match(check('--tests', 'no such title', ...none), { status: 1, last: '0 passed, 1 failed' })
    const noModel = check(...one, 'models=unknown')
    t.match(noModel, { status: 1, last: '1 passed, 4 failed' })
    t.match(noModel.stdout, /failed: linear unknown Q8_0: it ended with status 2: gpu_check: unknown model unknown/)
    fs.renameSync(path.join(folder, 'gpu_check'), path.join(folder, 'real'))
    program('gpu_check', 'echo "not ok - a verify: 1, wanted 2"; case $* in *part=passes*) exit 1 ;; *) kill -9 $$ ;; esac')
    const dead = check(...one)
    fs.renameSync(path.join(folder, 'real'), path.join(folder, 'gpu_check'))
    t.match(dead, { status: 1, last: '1 passed, 7 failed' })
    t.match(dead.stdout, /failed: a verify: 1, wanted 2\nfailed: .*\nfailed: attention tiny: it did not end in time/)
    t.end()
  })

  t.test('compute-sanitizer and PyTorch are asked where they are: what they find counts, what they cannot is left out', (t) => {
    const env = { PATH: `${folder}:${process.env.PATH}` }
    program('python3', 'case $1 in -c) exit 0 ;; *) echo "asked for $2" ;; esac')
    program('compute-sanitizer', 'case $*:$6 in *racecheck*:*ldmatrix*) exit 9 ;; esac')
    const found = run(env, ...none)
    t.match(found.stdout, /ok - memcheck: attention_test/)
    t.match(found.stdout, /\nfailed: racecheck: tensor_core_test.cc: ldmatrix\n27 passed, 1 failed\n$/, 'one test, and nine by three tools')
    t.match(found.stdout, `asked for ${json}`)
    t.equal(found.status, 1)

    program('python3', 'exit 1')
    program('compute-sanitizer', 'echo "Error: Device not supported"; exit 1')
    const absent = run(env, ...none)
    t.equal(absent.last, '1 passed, 0 failed')
    t.match(absent.stdout, /skipped: Error: Device not supported/)
    t.match(absent.stdout, /skipped: python3 has no torch/)
    t.end()
  })

  t.test('wrong arguments, and nothing to check on', (t) => {
    t.match(check('--speed'), { status: 2, stderr: /unknown argument --speed/ })
    t.match(check('--seconds', 'soon'), { status: 2, stderr: /whole number/ })
    program('gpu_tests', 'echo "Bail out! no GPU"; exit 2')
    t.match(check(...none), { status: 2, stderr: /no GPU to check on/ })
    t.end()
  })
  t.end()
})
