/** Packed weights on disk: the same numbers from the cache as from packing, and no trouble with the cache that stops a load. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { randomModel, temporary, tiny } from '../helpers/models'
import { binding, evaluate, loadModel, randomTokens } from '../helpers/native'

const dtypes = { default: 'Q8_0', attn_q: 'Q4_K', output: 'F16' } as const
const model = () => randomModel('weights-cache', { ...tiny, dtypes })
const tokens = randomTokens(20, tiny.vocab)
let folders = 0

function newFolder(t: Test): string {
  const folder = temporary(`cache-${++folders}`)
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** State of the cache and the bits of a forward pass. */
async function load(file: string, weightsCache: string, { isa = '', draftCopy = false } = {}) {
  const loaded = await loadModel(file, { weightsCache, isa, draftCopy })
  const logits = []
  for (const precision of ['full', 'draft'] as const) {
    const rows = await evaluate(loaded.createSequence({ contextTokens: 64, kv: 'f16', precision }), tokens)
    logits.push(...rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64')))
  }
  const { weightsCache: cache, weightBytes, draftWeightBytes } = loaded.info
  loaded.close()
  return { ...cache, logits, weightBytes, draftWeightBytes }
}

const weightsIn = (folder: string) => fs.readdirSync(folder).filter((name) => name.endsWith('.weights'))

t.test('a second load takes the weights from the cache, to the same bits', async (t) => {
  const folder = newFolder(t)
  for (const isa of binding.isas) {
    const packed = await load(await model(), '', { isa })
    t.match(packed, { state: 'off', path: '', reason: '' })
    const first = await load(await model(), folder, { isa })
    t.equal(first.reason, '')
    t.ok(fs.existsSync(first.path))
    const second = await load(await model(), folder, { isa })
    t.match(second, { state: 'used', path: first.path, reason: '' })
    for (const run of [first, second]) t.strictSame({ ...run, state: 0, path: 0 }, { ...packed, state: 0, path: 0 }, `${isa}: ${run.state}`)
  }
  t.notOk(fs.readdirSync(folder).some((name) => name.endsWith('.part')))
})

t.test('the same weights under another path are the same file, changed weights another one', async (t) => {
  const folder = newFolder(t)
  const { path: kept } = await load(await model(), folder)
  const copy = temporary('weights-cache-copy.gguf')
  fs.copyFileSync(await model(), copy)
  t.match(await load(copy, folder), { state: 'used', path: kept })
  const bytes = fs.readFileSync(copy)
  bytes[bytes.length - 200]! ^= 1 // in the last tensor
  fs.writeFileSync(copy, bytes)
  const changed = await load(copy, folder)
  t.match(changed, { state: 'stored', reason: '' })
  t.not(changed.path, kept)
  t.strictSame(changed.logits, (await load(copy, '')).logits)
})

t.test('a model file that has settled is recognised without being read again', async (t) => {
  const folder = newFolder(t)
  const file = temporary('weights-cache-old.gguf')
  fs.copyFileSync(await model(), file)
  await new Promise((resolve) => setTimeout(resolve, 2100))
  await load(file, folder)
  t.equal(fs.readdirSync(folder).filter((name) => name.endsWith('.source')).length, 1)
  t.match(await load(file, folder), { state: 'used' })
})

t.test('damaged files are replaced, and it is told', async (t) => {
  const file = await model()
  const good = await load(file, '')
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['head', (bytes) => bytes.fill(255, 20, 24)],
    ['version', (bytes) => bytes.fill(9, 8, 9)],
    ['table', (bytes) => bytes.fill(0, 200, 208)],
    ['first matrix', (bytes) => bytes.fill(bytes[5000]! ^ 16, 5000, 5001)],
    ['last matrix', (bytes) => bytes.fill(bytes[bytes.length - 100]! ^ 1, bytes.length - 100, bytes.length - 99)],
    ['half of it', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['nothing', () => Buffer.alloc(0)],
  ]
  for (const [what, damage] of damages) {
    const folder = newFolder(t)
    const { path: kept } = await load(file, folder)
    fs.writeFileSync(kept, damage(fs.readFileSync(kept)))
    const rebuilt = await load(file, folder)
    t.match(rebuilt, { state: 'stored', path: kept, reason: kept }, what)
    t.strictSame(rebuilt.logits, good.logits, what)
    t.match(await load(file, folder), { state: 'used', reason: '' }, what)
  }
})

t.test('a cache that cannot be kept leaves the load as it is', async (t) => {
  const good = await load(await model(), '')
  const notFolder = temporary('not-a-folder')
  fs.writeFileSync(notFolder, '')
  for (const folder of [notFolder, path.join(notFolder, 'inside'), '/proc/nowhere']) {
    const run = await load(await model(), folder)
    t.match(run, { state: 'unavailable', path: '', reason: folder })
    t.strictSame(run.logits, good.logits)
  }
})

t.test('a file in the way of the weights cannot be replaced: told, not thrown', async (t) => {
  const folder = newFolder(t)
  const { path: kept } = await load(await model(), folder)
  fs.rmSync(kept)
  fs.mkdirSync(path.join(kept, 'full'), { recursive: true })
  const run = await load(await model(), folder)
  t.match(run, { state: 'unavailable', reason: kept })
  t.notOk(fs.readdirSync(folder).some((name) => name.endsWith('.part')))
})

t.test('an abort while the weights are written leaves no file, and the next load writes them', async (t) => {
  const folder = newFolder(t)
  const file = await model()
  let furthest = 0
  await new Promise<void>((resolve) => {
    const cancel = binding.loadModel(
      file,
      { threads: 1, isa: '', draftCopy: false, weightsCache: folder },
      (bytes, total) => {
        furthest = bytes / total
        if (furthest > 0.5) cancel()
      },
      (error, loaded) => {
        loaded?.close()
        t.equal(error === null || error.code === 'ERR_ABORTED', true)
        resolve()
      },
    )
  })
  t.ok(furthest > 0.5, 'more than packing was counted')
  t.notOk(fs.readdirSync(folder).some((name) => name.endsWith('.part')))
  await load(file, folder)
  t.match(await load(file, folder), { state: 'used' })
})

t.test('models loaded at once, here and in a Worker, share one folder', async (t) => {
  const folder = newFolder(t)
  const file = await model()
  const worker = new Promise<string>((resolve, reject) => {
    const source = `
      const { parentPort } = require('node:worker_threads')
      const options = { threads: 1, isa: '', draftCopy: false, weightsCache: ${JSON.stringify(folder)} }
      require('node-gyp-build')(${JSON.stringify(process.cwd())}).loadModel(${JSON.stringify(file)}, options, () => {}, (error, model) =>
        parentPort.postMessage(error ? error.message : model.info.weightsCache.state))`
    new Worker(source, { eval: true }).once('message', resolve).once('error', reject)
  })
  const runs = await Promise.all([load(file, folder), load(file, folder), load(file, folder)])
  t.match(await worker, /^(stored|used)$/)
  for (const run of runs) t.match(run, { state: /^(stored|used)$/, logits: runs[0]!.logits })
  t.equal(weightsIn(folder).length, 1)
  t.match(await load(file, folder), { state: 'used' })
})

t.test('a file that is deleted while it is in use goes on serving', async (t) => {
  const folder = newFolder(t)
  const file = await model()
  const good = await load(file, folder)
  const loaded = await loadModel(file, { weightsCache: folder })
  t.equal(loaded.info.weightsCache.state, 'used')
  fs.rmSync(folder, { recursive: true })
  const rows = await evaluate(loaded.createSequence({ contextTokens: 64, kv: 'f16' }), tokens)
  const bits = rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64'))
  t.strictSame(bits, good.logits.slice(0, bits.length))
  loaded.close()
})

t.test('draft copies are made anew beside cached weights', async (t) => {
  const file = await randomModel('weights-cache-f16', { ...tiny, dtypes: { default: 'F16' } })
  const folder = newFolder(t)
  const packed = await load(file, '', { draftCopy: true })
  await load(file, folder)
  const cached = await load(file, folder, { draftCopy: true })
  t.equal(cached.state, 'used')
  t.strictSame(cached.logits, packed.logits)
})

t.test('what is no path is refused', (t) => {
  const options = { threads: 1, isa: '', draftCopy: false }
  const attempt = (weightsCache: unknown) => () =>
    binding.loadModel(
      'x.gguf',
      { ...options, weightsCache: weightsCache as string },
      () => {},
      () => {},
    )
  for (const value of [7, true, null, {}, 'a\0b']) t.throws(attempt(value), { code: 'ERR_INVALID_ARGUMENT' })
  t.end()
})
