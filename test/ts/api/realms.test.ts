/**
 * The library in a realm of its own, with an `Error`, an `Array` and typed arrays that are not those of the addon: what Jest, and whatever
 * else evaluates modules in a vm context, makes of it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import * as vm from 'node:vm'
import t from 'tap'
import * as ts from 'typescript'
import type * as LoadModel from '../../../lib/api/load-model'
import { RagdraftError as OurError } from '../../../lib/base/errors'
import type * as Library from '../../../lib/index'
import { FakeBinding, nativeError } from '../../helpers/fake-binding'

const root = path.resolve('lib')

/** A module system in a new context, which has Node's globals but its own language. */
function newRealm() {
  const names = Object.getOwnPropertyNames(globalThis)
  const own = new Set(vm.runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[])
  const globals = Object.fromEntries(names.filter((name) => !own.has(name)).map((name) => [name, Reflect.get(globalThis, name)]))
  const context = vm.createContext({ ...globals, ArrayBuffer, Uint8Array }) // these two are what Jest shares
  const modules = new Map<string, { exports: unknown }>()
  const load = (file: string): unknown => {
    const known = modules.get(file)
    if (known) return known.exports
    const module = { exports: {} as unknown }
    modules.set(file, module)
    const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true }
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions: options })
    const outside = createRequire(file)
    const require = (name: string) => (name.startsWith('.') ? load(path.resolve(path.dirname(file), resolved(file, name))) : outside(name))
    const run = vm.compileFunction(outputText, ['exports', 'require', 'module', '__filename', '__dirname'], {
      parsingContext: context,
      filename: file,
    })
    run(module.exports, require, module, file, path.dirname(file))
    return module.exports
  }
  const resolved = (from: string, name: string) => {
    const base = path.resolve(path.dirname(from), name)
    return existsSync(`${base}.ts`) ? `${base}.ts` : path.join(base, 'index.ts')
  }
  return { load, evaluate: (code: string) => vm.runInContext(code, context) as unknown }
}

const { load, evaluate } = newRealm()
const library = load(path.join(root, 'index.ts')) as typeof Library
const { loadModelWith } = load(path.join(root, 'api', 'load-model.ts')) as typeof LoadModel
const TheirError = evaluate('Error') as ErrorConstructor

/** What a promise rejects with; here that is an error of the realm, or something is wrong. */
const rejection = (promise: PromiseLike<unknown>): Promise<Library.RagdraftError> =>
  Promise.resolve(promise).then(
    () => {
      throw new Error('it did not reject')
    },
    (error) => error,
  )

t.test('the realm is another one', (t) => {
  t.notOk(new Error('ours') instanceof TheirError)
  t.not(library.RagdraftError, OurError)
  t.end()
})

t.test('errors of the addon are RagdraftErrors of the realm, and keep code and cause', async (t) => {
  const file = path.join(t.testdir({ 'text.gguf': 'this is no model' }), 'text.gguf')
  for (const [error, code] of [
    [await rejection(library.loadModel('/no/such.gguf')), 'ERR_FILE_NOT_FOUND'],
    [await rejection(library.inspectModel('/no/such.gguf')), 'ERR_FILE_NOT_FOUND'],
    [await rejection(library.loadModel(file)), 'ERR_INVALID_MODEL'],
    [await rejection(library.loadModel('nul\0byte')), 'ERR_INVALID_ARGUMENT'],
  ] as const) {
    t.ok(error instanceof library.RagdraftError, String(error))
    t.ok(error instanceof TheirError)
    t.equal(error.code, code)
    t.ok(error.cause instanceof Error && !(error.cause instanceof TheirError), "the cause is the addon's own")
  }
})

t.test('errors that functions of the addon throw at once are RagdraftErrors too', async (t) => {
  const binding = new FakeBinding()
  const model = await loadModelWith(binding, 'fake.gguf')
  binding.failures.createSequence = nativeError('ERR_OUT_OF_MEMORY')
  const error = await rejection(model.open('A text of some length.'))
  t.ok(error instanceof library.RagdraftError)
  t.equal(error.code, 'ERR_OUT_OF_MEMORY')
  await model.close()
})

t.test('device "auto" takes the CPU where the GPU does not take the model', async (t) => {
  const binding = new FakeBinding()
  binding.gpus = { devices: [{ index: 0, name: '', capability: '', totalBytes: 1, freeBytes: 1, problem: '' }], reason: '' }
  binding.gpuRefusal = nativeError('ERR_OUT_OF_MEMORY', 'it is full')
  const { RAGDRAFT_CUDA } = process.env
  delete process.env.RAGDRAFT_CUDA // scripts/test.cjs sets it
  const model = await loadModelWith(binding, 'fake.gguf')
  if (RAGDRAFT_CUDA !== undefined) process.env.RAGDRAFT_CUDA = RAGDRAFT_CUDA
  t.match(model.info, { device: 'cpu', deviceReason: 'cuda:0: it is full' })
  await model.close()
})

t.test('options and signals of another realm are taken', async (t) => {
  const model = await loadModelWith(new FakeBinding(), 'fake.gguf', { signal: new AbortController().signal })
  const doc = await model.open({ text: 'The keeper hid the key. The keeper hid the key.' })
  const { text } = await doc.ask('The keeper hid', { stop: ['.'], maxTokens: 20, history: [{ question: 'Who?', answer: 'He.' }] })
  t.ok(text.length > 0)
  const reason = new Error('ours')
  t.equal(await rejection(doc.ask('The keeper hid', { signal: AbortSignal.abort(reason) })), reason)
  await model.close()
})

t.test('the demo answers: tokenizer, template, addon and citations work in the realm', async (t) => {
  const file = path.resolve('test', 'fixtures', 'stories260K.gguf')
  const model = await library.loadModel(file, { device: 'cpu' })
  const doc = await model.open('Lily had a red ball. One day the ball was gone.', { contextTokens: 256 })
  let streamed = ''
  const answer = doc.ask('What was gone?', { maxTokens: 8 })
  for await (const delta of answer) streamed += delta
  t.equal((await answer).text, streamed)
  t.ok(streamed.length > 0)
  await model.close()
})
