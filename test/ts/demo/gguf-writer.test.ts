import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { toHalf } from '../../../lib/demo/gguf/half'
import { bytesOf, type GgufSource, type MetadataValue, type TensorSource } from '../../../lib/demo/gguf/types'
import { writeGguf } from '../../../lib/demo/gguf/write'
import { fromBfloat, fromHalf, toBfloat } from '../../../tools/models/half'
import { readGguf } from '../../helpers/read-gguf'

const vocabularies = path.resolve(__dirname, '..', '..', '..', '..', 'shared', 'data', 'tokenizers')

const floats = (name: string, shape: readonly number[]): TensorSource => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i + 0.5)
  return { name, shape, type: 'F32', data: () => [bytesOf(values)] }
}

t.test(
  'writes files that llama.cpp wrote, byte for byte',
  { skip: existsSync(vocabularies) ? false : 'the vocabularies are not here' },
  async (t) => {
    for (const name of ['gpt-2', 'llama-spm']) {
      const original = path.join(vocabularies, `ggml-vocab-${name}.gguf`)
      const again = path.join(t.testdir(), 'again.gguf')
      const size = await writeGguf(again, { metadata: readGguf(original).metadata, tensors: [] })
      t.ok(readFileSync(again).equals(readFileSync(original)), name)
      t.equal(size, statSync(original).size)
    }
  },
)

t.test('every value type and tensor comes back, tensors at multiples of 32 bytes', async (t) => {
  const file = path.join(t.testdir(), 'all.gguf')
  const values: Record<string, MetadataValue> = {
    u32: { type: 'u32', value: 4294967295 },
    i32: { type: 'i32', value: -2147483648 },
    f32: { type: 'f32', value: -0.25 },
    u64: { type: 'u64', value: 2 ** 53 - 1 },
    yes: { type: 'bool', value: true },
    no: { type: 'bool', value: false },
    string: { type: 'string', value: 'Ġ ▁ 猫 🐈' },
    empty: { type: 'string', value: '' },
    longer: { type: 'string', value: 'x'.repeat(200_000) },
    strings: { type: 'array', of: 'string', value: ['', 'a', '语'] },
    floats: { type: 'array', of: 'f32', value: [1, -2.5] },
    integers: { type: 'array', of: 'i32', value: [] },
    flags: { type: 'array', of: 'bool', value: [true, false] },
  }
  const tensors = [
    floats('vector', [3]),
    floats('matrix', [5, 7]),
    { name: 'halves', shape: [2, 2, 2, 1], type: 'F16', data: () => [new Uint8Array(7), new Uint8Array(9).fill(9)] } as const,
  ]
  const size = await writeGguf(file, { metadata: Object.entries(values), tensors })
  t.equal(size, statSync(file).size)
  const back = readGguf(file)
  t.same(Object.fromEntries(back.metadata), values)
  t.same([...back.tensors.keys()], ['vector', 'matrix', 'halves'])
  for (const { offset } of back.tensors.values()) t.equal(offset % 32, 0)
  t.same(back.tensors.get('vector'), {
    ...back.tensors.get('vector'),
    shape: [3],
    type: 'F32',
    bytes: bytesOf(Float32Array.of(0.5, 1.5, 2.5)),
  })
  t.same(back.tensors.get('matrix')!.shape, [5, 7])
  t.same(back.tensors.get('halves')!.bytes, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9))
})

t.test('a piece of a tensor may be reused once the next one is asked for', async (t) => {
  const file = path.join(t.testdir(), 'reused.gguf')
  function* data(): Iterable<Uint8Array> {
    const piece = new Uint8Array(8)
    for (let i = 0; i < 4; i++) yield piece.fill(i)
  }
  await writeGguf(file, { metadata: [], tensors: [{ name: 'x', shape: [8], type: 'F32', data }] })
  t.same(
    [...readGguf(file).tensors.get('x')!.bytes],
    [0, 1, 2, 3].flatMap((i) => new Array(8).fill(i)),
  )
})

t.test('refuses what does not fit, and leaves neither a file nor a temporary one', async (t) => {
  const folder = t.testdir()
  const one = (tensor: Partial<TensorSource>): GgufSource => ({ metadata: [], tensors: [{ ...floats('x', [4]), ...tensor }] })
  const entry = (value: MetadataValue): GgufSource => ({ metadata: [['key', value]], tensors: [] })
  const wrong: Record<string, GgufSource> = {
    'too few bytes': one({ data: () => [new Uint8Array(15)] }),
    'too many bytes': one({ data: () => [new Uint8Array(16), new Uint8Array(1)] }),
    'no dimension': one({ shape: [] }),
    'five dimensions': one({ shape: [1, 1, 1, 1, 4] }),
    'an empty dimension': one({ shape: [0] }),
    'half a block': one({ shape: [48], type: 'Q8_0' }),
    'a tensor twice': { metadata: [], tensors: [floats('x', [1]), floats('x', [1])] },
    'a key twice': {
      metadata: [
        ['a', { type: 'u32', value: 1 }],
        ['a', { type: 'u32', value: 1 }],
      ],
      tensors: [],
    },
    'u32 below 0': entry({ type: 'u32', value: -1 }),
    'u32 above its range': entry({ type: 'u32', value: 2 ** 32 }),
    'i32 above its range': entry({ type: 'i32', value: 2 ** 31 }),
    'u64 below 0': entry({ type: 'u64', value: -1 }),
    'a fraction': entry({ type: 'u32', value: 1.5 }),
    'a fraction in an array': entry({ type: 'array', of: 'i32', value: [1, 1.5] }),
  }
  for (const [title, source] of Object.entries(wrong)) {
    await t.rejects(writeGguf(path.join(folder, 'x.gguf'), source), { code: 'ERR_INVALID_ARGUMENT' }, title)
  }
  const failing = one({
    *data() {
      yield new Uint8Array(8)
      throw new Error('out of ideas')
    },
  })
  await t.rejects(writeGguf(path.join(folder, 'x.gguf'), failing), { message: 'out of ideas' })
  t.same(readdirSync(folder), [])
})

t.test('an existing file is replaced on success and untouched on failure', async (t) => {
  const folder = t.testdir({ 'x.gguf': 'old' })
  const file = path.join(folder, 'x.gguf')
  await t.rejects(writeGguf(file, { metadata: [], tensors: [{ ...floats('x', [4]), data: () => [] }] }))
  t.equal(readFileSync(file, 'utf8'), 'old')
  await writeGguf(file, { metadata: [], tensors: [floats('x', [4])] }, { flush: true })
  t.same(readGguf(file).tensors.get('x')!.shape, [4])
})

t.test('reports a folder that does not exist', async (t) => {
  await t.rejects(writeGguf(path.join(t.testdir(), 'none', 'x.gguf'), { metadata: [], tensors: [] }), { code: 'ERR_FILE_WRITE' })
})

t.test('a disk that takes no more leaves nothing behind', { skip: process.platform === 'win32' ? 'needs ulimit' : false }, async (t) => {
  const folder = t.testdir({ out: {} })
  const program = path.join(folder, 'program.ts')
  writeFileSync(
    program,
    `import { writeGguf } from '${path.resolve(__dirname, '..', '..', '..', 'lib', 'demo', 'gguf', 'write')}'
     process.on('SIGXFSZ', () => {}) // the write fails instead of the process
     const tensors = [{ name: 'x', shape: [1 << 22], type: 'F32' as const, data: () => [new Uint8Array(1 << 24)] }]
     writeGguf('${path.join(folder, 'out', 'x.gguf')}', { metadata: [], tensors }).catch((error) => console.log(error.code, error.cause.code))`,
  )
  // A limit of the shell stands in for a full disk: writes beyond 4 MB (in blocks of 512 or 1,024 bytes) fail the same way.
  // tap would hook in through NODE_OPTIONS, with signal handlers of its own that end the process.
  const shell = 'unset NODE_OPTIONS; ulimit -f 4096 && exec "$0" "$@"'
  const typescript = process.execArgv.filter((argument) => argument.includes('typescript'))
  const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, ...typescript, program])
  t.equal(stdout, 'ERR_FILE_WRITE EFBIG\n')
  t.same(readdirSync(path.join(folder, 'out')), [])
})

t.test('f16', async (t) => {
  const encode = (x: number): number => toHalf(Float32Array.of(x))[0]!

  t.test('every finite number, the infinities and NaN come back', async (t) => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const back = toHalf(Float32Array.from(all, fromHalf))
    const isNan = (half: number): boolean => (half & 0x7fff) > 0x7c00
    t.equal(all.filter((half) => !isNan(half) && back[half] !== half).length, 0)
    t.ok(all.filter(isNan).every((half) => Number.isNaN(fromHalf(half)) && isNan(back[half]!)))
  })

  t.test('known values', async (t) => {
    const known: [number, number][] = [
      [0, 0],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 1],
      [1 / 3, 0x3555],
      [1e9, 0x7c00],
    ]
    for (const [x, half] of known) t.equal(encode(x), half, String(x))
    t.equal(encode(-0), 0x8000)
  })

  t.test('rounds to the nearest, and ties to the even one', async (t) => {
    const nudge = new Float32Array(1)
    const bits = new Uint32Array(nudge.buffer)
    let wrong = 0
    for (let half = 0; half < 0x7bff; half++) {
      nudge[0] = (fromHalf(half) + fromHalf(half + 1)) / 2 // exact in f32
      const tie = bits[0]!
      if (encode(nudge[0]!) !== half + (half & 1)) wrong++
      bits[0] = tie - 1
      if (encode(nudge[0]!) !== half) wrong++
      bits[0] = tie + 1
      if (encode(nudge[0]!) !== half + 1) wrong++
    }
    t.equal(wrong, 0)
    t.equal(encode(65519.99), 0x7bff)
    t.equal(encode(65520), 0x7c00, 'half way to the number that is not there')
  })
})

t.test('bf16', async (t) => {
  const encode = (x: number): number => toBfloat(Float32Array.of(x))[0]!

  t.test('every number comes back', async (t) => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const back = toBfloat(Float32Array.from(all, fromBfloat))
    const isNan = (bfloat: number): boolean => (bfloat & 0x7fff) > 0x7f80
    t.equal(all.filter((bfloat) => !isNan(bfloat) && back[bfloat] !== bfloat).length, 0)
    t.ok(all.filter(isNan).every((bfloat) => isNan(back[bfloat]!)))
  })

  t.test('rounds to the nearest, and ties to the even one', async (t) => {
    t.equal(encode(1), 0x3f80)
    t.equal(encode(1 + 2 ** -8), 0x3f80, 'tie, even below')
    t.equal(encode(1 + 3 * 2 ** -8), 0x3f82, 'tie, even above')
    t.equal(encode(1 + 2 ** -8 + 2 ** -20), 0x3f81)
    t.equal(encode(-1 - 2 ** -8 - 2 ** -20), 0xbf81)
    t.equal(encode(3.4e38), 0x7f80, 'beyond the largest')
  })
})
