/** The option weightsCache, its folder, and the command that lists and clears it. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { loadModelWith } from '../../../lib/api/load-model'
import type { Io, Library } from '../../../lib/cli/io'
import { run } from '../../../lib/cli/run'
import { listWeightsCache, weightsCacheFolder } from '../../../lib/runtime/weights-cache'
import { FakeBinding, fakeContents } from '../../helpers/fake-binding'

const name = '0123456789abcdef'

/** An own cache folder of the user, by the environment. */
function userCaches(t: Test): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-caches-'))
  const variables = ['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME'] as const
  const before = variables.map((variable) => [variable, process.env[variable]] as const)
  t.teardown(() => {
    fs.rmSync(folder, { recursive: true })
    for (const [variable, value] of before) {
      if (value === undefined) delete process.env[variable]
      else process.env[variable] = value
    }
  })
  for (const variable of variables) process.env[variable] = folder
  return folder
}

async function command(...args: string[]) {
  const output = { stdout: '', stderr: '' }
  const stream = (to: keyof typeof output) => new PassThrough().on('data', (part) => (output[to] += part))
  const io: Io = { stdout: stream('stdout'), stderr: stream('stderr'), stdin: new PassThrough(), onInterrupt: () => () => {} }
  const binding = new FakeBinding({ 'm.gguf': fakeContents() })
  const code = await run(args, io, { loadModel: (file, options) => loadModelWith(binding, file, options) } as Library)
  await new Promise((resolve) => setTimeout(resolve, 5))
  return { code, ...output, loads: binding.loads as { weightsCache?: string }[] }
}

t.test('weightsCache: off by default, true is the user’s folder, a path is made absolute', async (t) => {
  userCaches(t)
  const folderOf = async (weightsCache?: boolean | string) => {
    const binding = new FakeBinding({ 'm.gguf': fakeContents() })
    const { info } = await loadModelWith(binding, 'm.gguf', weightsCache === undefined ? {} : { weightsCache })
    return { folder: (binding.loads[0] as { weightsCache?: string }).weightsCache, info: info.weightsCache }
  }
  const off = { folder: '', info: { state: 'off', path: undefined, reason: undefined } } as const
  t.strictSame(await folderOf(), off)
  t.strictSame(await folderOf(false), off)
  const folder = weightsCacheFolder()
  t.strictSame(await folderOf(true), { folder, info: { state: 'stored', path: `${folder}/0.weights`, reason: undefined } })
  t.equal((await folderOf('some/where')).folder, path.resolve('some/where'))
})

t.test('weightsCache refuses what is no path, and true where there is no folder of the user', async (t) => {
  userCaches(t)
  const load = (weightsCache: unknown) => loadModelWith(new FakeBinding({ 'm.gguf': fakeContents() }), 'm.gguf', { weightsCache } as object)
  const refused = { code: 'ERR_INVALID_ARGUMENT', message: /^weightsCache must be / }
  for (const value of ['', 'a\0b', 1, null, {}]) await t.rejects(load(value), refused)
  for (const variable of ['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME']) delete process.env[variable]
  await t.rejects(load(true), refused)
})

t.test('--cache-weights asks for the cache', async (t) => {
  userCaches(t)
  const file = path.join(process.env.HOME!, 'text.txt')
  fs.writeFileSync(file, 'The key lies under the mat. '.repeat(20))
  const ask = ['ask', file, 'Where is the key?', '--model', 'm.gguf', '--max-tokens', '3']
  t.match((await command(...ask, '--cache-weights')).loads, [{ weightsCache: weightsCacheFolder() }])
  t.match((await command(...ask)).loads, [{ weightsCache: '' }])
})

t.test('the command cache lists the weights, the ones used last first, and clears what is ours', async (t) => {
  userCaches(t)
  const folder = weightsCacheFolder()
  t.match(await command('cache'), { code: 0, stdout: `${folder}: nothing\n` })
  fs.mkdirSync(folder, { recursive: true })
  const put = (file: string, bytes: number, used: number) => {
    fs.writeFileSync(path.join(folder, file), Buffer.alloc(bytes))
    fs.utimesSync(path.join(folder, file), used, used)
  }
  put(`${name}.weights`, 3_000_000, 1_000_000)
  put(`f${name.slice(1)}.weights`, 2000, 2_000_000)
  put(`${name}.source`, 24, 1)
  put(`${name}.weights.${name}.part`, 10, 1)
  put('key', 16, 1)
  put('notes.txt', 5, 1)
  const { stdout } = await command('cache')
  t.match(stdout, /: 3\.0 MB\n {2}2\.0 kB {2}used 1970-01-24T03:33:20\.000Z {2}.*\n {2}3\.0 MB {2}used /)
  const json = JSON.parse((await command('cache', '--json')).stdout)
  t.match(json, { folder, bytes: 3_002_000, files: [{ bytes: 2000, lastUsed: '1970-01-24T03:33:20.000Z' }, { bytes: 3_000_000 }] })
  t.match(await command('cache', '--clear'), { code: 0, stdout: `${folder}: nothing\n` })
  t.strictSame(fs.readdirSync(folder).sort(), ['key', 'notes.txt'])
})

t.test('a cache folder that cannot be read is an error of its own', async (t) => {
  const folder = path.join(userCaches(t), 'file')
  fs.writeFileSync(folder, '')
  await t.rejects(listWeightsCache(folder), { code: 'ERR_FILE_READ' })
})
