/** What an interrupted run leaves, and who may go on from it. */
import * as fs from 'node:fs'
import t from 'tap'
import { Journal, type Stamp } from '../../../bench/journal'
import type { Cell } from '../../../bench/report'
import { temporary } from '../../helpers/models'

const machine = { cpu: 'x', cores: 2, memoryGiB: 1, platform: 'linux-x64', node: 'v20' }
const stamp: Stamp = { machine, commit: 'abc', args: ['engine'] }
const cell = (depth: number): Cell => ({ suite: 'engine', engine: 'ragdraft', model: 'm', metric: 'decode', rows: 1, depth, kv: 'f16' })
const silent = () => {}
const noPeaks = async () => null
const open = (file: string | undefined, of = stamp) => Journal.open(of, noPeaks, silent, file)
const never = async () => {
  throw new Error('measured again')
}

t.test('a run goes on where it was interrupted, even within a line', async (t) => {
  const file = temporary('run.json.part')
  const first = await open(file)
  await first.measure(cell(0), async () => ({ ms: 1.5, runs: 3 }))
  await t.rejects(first.measure(cell(1), never), 'what fails is not written down')
  await first.measure(cell(2), async () => ({ ms: 2.5, runs: 3 }))
  fs.truncateSync(file, fs.statSync(file).size - 5)
  const second = await open(file)
  t.same(await second.measure(cell(0), never), { ...cell(0), ms: 1.5, runs: 3 })
  t.match(await second.measure(cell(2), async () => ({ ms: 9, runs: 1 })), { ms: 9 }, 'the torn line is measured again')
  const other = { ...cell(0), setting: 'flash attention' }
  t.match(await second.measure(other, async () => ({ ms: 4, runs: 1 })), { ms: 4 }, 'another setting is another cell')
  const third = await open(file)
  for (const known of [cell(0), cell(2), other]) await third.measure(known, never)
  third.remove()
  t.notOk(fs.existsSync(file))
})

t.test('another commit, machine or other arguments do not go on from it', async (t) => {
  const file = temporary('other.json.part')
  await open(file)
  for (const other of [{ commit: 'abd' }, { machine: { ...machine, cores: 4 } }, { args: ['engine', '--runs', '1'] }])
    await t.rejects(open(file, { ...stamp, ...other }), { message: /begun on another machine, at another commit or with other arguments/ })
  await open(file)
})

t.test('without a file nothing is kept', async (t) => {
  const journal = await open(undefined)
  t.match(await journal.measure(cell(0), async () => ({ ms: 1, runs: 1 })), { ms: 1 })
  t.match(await journal.measure(cell(0), async () => ({ ms: 2, runs: 1 })), { ms: 2 })
})
