import { chmodSync, symlinkSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { type DocumentInput, loadDocument } from '../../../lib/document/source'
import { firstInvalidUtf8 } from '../../../lib/document/utf8'
import { integer, pick, seeded } from '../../helpers/random-text'

t.test('a string and { text } are the text itself, unchanged', async (t) => {
  const text = '\ufeffA path? /etc/hosts\r\n'
  t.same(await loadDocument(text), { text })
  t.same(await loadDocument({ text }), { text })
})

t.test('a file is decoded as UTF-8, without its byte order mark and with its own line endings', async (t) => {
  const dir = t.testdir({ plain: 'Grüße, 世界 👍\r\nend', marked: Buffer.from('\ufeffmarked\ufeff') })
  const plain = path.join(dir, 'plain')
  t.same(await loadDocument({ path: plain }), { text: 'Grüße, 世界 👍\r\nend', path: plain })
  t.equal((await loadDocument({ path: path.join(dir, 'marked') })).text, 'marked\ufeff')
})

t.test('invalid UTF-8 is refused with the offset of the first bad byte', async (t) => {
  const dir = t.testdir({ latin1: Buffer.from([0x61, 0xc3, 0xa4, 0xe4, 0x62]), utf16: Buffer.from('\ufeffhi', 'utf16le') })
  await t.rejects(loadDocument({ path: path.join(dir, 'latin1') }), {
    code: 'ERR_INVALID_ARGUMENT',
    details: { byteOffset: 3 },
    message: /offset 3/,
  })
  await t.rejects(loadDocument({ path: path.join(dir, 'utf16') }), {
    code: 'ERR_INVALID_ARGUMENT',
    details: { byteOffset: 0 },
    message: /UTF-16/,
  })
})

t.test('the offset of the first bad byte agrees with TextDecoder', async (t) => {
  const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const valid = (bytes: Uint8Array): boolean => {
    try {
      fatal.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  const random = seeded(1)
  const edges = [
    0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
    0xf5, 0xff,
  ]
  const wrong: string[] = []
  let invalid = 0
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: integer(random, 1, 6) }, () => pick(random, edges))
    const at = firstInvalidUtf8(bytes)
    const head = at === -1 ? bytes : bytes.subarray(0, at)
    const tailIsBad = at === -1 || [1, 2, 3, 4].every((length) => !valid(bytes.subarray(at, at + length)))
    if (!valid(head) || !tailIsBad) wrong.push(`${Buffer.from(bytes).toString('hex')} at ${at}`)
    if (at !== -1) invalid++
  }
  t.same(wrong, [])
  t.ok(invalid > 1000 && invalid < 19_900, 'both kinds were tried')
})

t.test('text that is no text is refused with its place', async (t) => {
  const dir = t.testdir({ binary: Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), empty: '', blank: '\ufeff \r\n\t' })
  await t.rejects(loadDocument({ path: path.join(dir, 'binary') }), { code: 'ERR_INVALID_ARGUMENT', details: { index: 4 }, message: /NUL/ })
  for (const name of ['empty', 'blank']) {
    await t.rejects(loadDocument({ path: path.join(dir, name) }), { code: 'ERR_INVALID_ARGUMENT', message: /empty/ })
  }
  await t.rejects(loadDocument(' \n\u3000'), { code: 'ERR_INVALID_ARGUMENT', message: /empty/ })
  await t.rejects(loadDocument('a\0b'), { code: 'ERR_INVALID_ARGUMENT', details: { index: 1 } })
  await t.rejects(loadDocument('👍\ud83d!'), { code: 'ERR_INVALID_ARGUMENT', details: { index: 2 }, message: /surrogate/ })
  await t.rejects(loadDocument({ text: '\udc4d' }), { code: 'ERR_INVALID_ARGUMENT', details: { index: 0 } })
})

t.test('files that cannot be read say why', async (t) => {
  const dir = t.testdir({ file: 'x', locked: 'x' })
  await t.rejects(loadDocument({ path: path.join(dir, 'none') }), { code: 'ERR_FILE_NOT_FOUND', message: /none/ })
  await t.rejects(loadDocument({ path: path.join(dir, 'file', 'below') }), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(loadDocument({ path: dir }), { code: 'ERR_FILE_READ', message: /directory/ })
  symlinkSync('loop', path.join(dir, 'loop'))
  await t.rejects(loadDocument({ path: path.join(dir, 'loop') }), { code: 'ERR_FILE_READ', cause: { code: 'ELOOP' } })
  if (process.platform !== 'win32') {
    await t.rejects(loadDocument({ path: '/dev/zero' }), { code: 'ERR_FILE_READ', message: /device/ })
  }
  if (process.getuid && process.getuid() !== 0) {
    chmodSync(path.join(dir, 'locked'), 0)
    await t.rejects(loadDocument({ path: path.join(dir, 'locked') }), { code: 'ERR_FILE_READ', cause: { code: 'EACCES' } })
  }
})

t.test('anything else is refused with ERR_INVALID_ARGUMENT', async (t) => {
  const inputs = [
    undefined,
    null,
    3,
    {},
    [],
    { text: 3 },
    { path: 3 },
    { path: '' },
    { path: 'a\0b' },
    { text: 'x', path: 'y' },
    Buffer.from('x'),
  ]
  for (const input of inputs) {
    await t.rejects(loadDocument(input as unknown as DocumentInput), { code: 'ERR_INVALID_ARGUMENT' })
  }
})

t.test('an aborted signal rejects with its reason', async (t) => {
  const dir = t.testdir({ file: 'x'.repeat(5_000_000) })
  const reason = new Error('changed my mind')
  await t.rejects(loadDocument('text', { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const loading = loadDocument({ path: path.join(dir, 'file') }, { signal: controller.signal })
  controller.abort(reason)
  await t.rejects(loading, reason)
})
