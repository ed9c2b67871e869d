import { statSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { type TensorType, tensorTypes } from '../../lib/demo/gguf/types'
import { fromHalf } from '../../tools/models/half'
import { decode, encode } from '../../tools/models/quantize'
import { Random } from '../../tools/models/random'
import { type RandomModelOptions, randomModel, writeRandomModel } from '../../tools/models/random-model'
import { readGguf } from '../helpers/read-gguf'
import { loadTiny, logits } from '../helpers/tiny-forward'

const types = Object.keys(tensorTypes) as TensorType[]
const quantised = types.filter((type) => tensorTypes[type].blockElements > 1)

/** Root mean square error of normal weights, relative to theirs; the bounds are about a quarter above what was measured. */
const errorBounds: Record<TensorType, number> = {
  F32: 0,
  F16: 2.6e-4,
  BF16: 2.1e-3,
  Q8_0: 0.007,
  Q4_0: 0.11,
  Q5_0: 0.055,
  Q4_K: 0.1,
  Q5_K: 0.05,
  Q6_K: 0.025,
}

const normals = (count: number, seed = 1): Float32Array => {
  const random = new Random(seed, 0)
  return Float32Array.from({ length: count }, () => random.normal())
}
const rms = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0) / values.length)

for (const type of types) {
  t.test(`${type}: what comes back is near what went in`, async (t) => {
    const values = normals(4096)
    const bytes = encode(type, values)
    t.equal(bytes.length, (4096 / tensorTypes[type].blockElements) * tensorTypes[type].blockBytes)
    const back = decode(type, bytes)
    const error = rms(back.map((x, i) => x - values[i]!)) / rms(values)
    t.ok(error <= errorBounds[type], `relative error ${error}`)
    if (type !== 'F32') t.ok(error > errorBounds[type] / 4, 'the bound means something')
  })

  t.test(`${type}: zeros and a lone value survive`, async (t) => {
    t.ok(decode(type, encode(type, new Float32Array(256))).every((x) => x === 0))
    const lone = new Float32Array(256)
    lone[77] = -3
    const back = decode(type, encode(type, lone))
    t.ok(Math.abs(back[77]! + 3) < 0.11, String(back[77]))
    t.ok(back.every((x, i) => i === 77 || Math.abs(x) < 0.11))
  })
}

t.test('refuses half a block', async (t) => {
  for (const type of quantised) {
    t.throws(() => encode(type, new Float32Array(48)), RangeError)
    t.throws(() => decode(type, new Uint8Array(5)), RangeError)
  }
})

t.test('sub-blocks get scales and mins of their own', async (t) => {
  // Sub-blocks of very different size: with one scale for all, the small ones would vanish.
  const values = normals(256).map((x, i) => x * 2 ** -(i >> 5) + (i >> 5) * 0.1)
  for (const [type, bound] of [
    ['Q4_K', 0.12],
    ['Q5_K', 0.07],
    ['Q6_K', 0.06],
  ] as const) {
    const back = decode(type, encode(type, values))
    const last = back.slice(128, 160)
    t.ok(rms(last.map((x, i) => x - values[128 + i]!)) / rms(values.slice(128, 160)) < bound, type)
  }
})

t.test('decodes blocks as the format defines them', async (t) => {
  // One marked quant per block, found by hand in the definition of the block.
  const block = (type: TensorType, ...bytes: (readonly [at: number, byte: number])[]): Float64Array => {
    const out = new Uint8Array(tensorTypes[type].blockBytes)
    for (const [at, byte] of bytes) out[at] = byte
    return decode(type, out)
  }
  const one = 0x3c // upper byte of 1.0 in f16
  t.equal(block('Q8_0', [1, one], [2 + 31, 0x80])[31], -128)
  const q40 = block('Q4_0', [1, one], [2 + 3, 0xf0])
  t.same([q40[3], q40[3 + 16]], [-8, 7])
  t.same(
    block('Q5_0', [1, one], [2 + 2, 1 << 3], [6 + 3, 0xf2]).filter((_, i) => i === 3 || i === 19),
    [2 - 16, 15],
  )
  // Scale 5 = 1 + 2 * 16 (upper bits in byte 1), min 6 = 3 (byte 4 + 10, high nibble): element 5 * 32 + 9 is byte 2 * 32 + 9, high nibble.
  const q4k = block('Q4_K', [1, one], [3, one], [4 + 1, 2 << 6], [4 + 9, 1], [4 + 10, 3 << 4], [16 + 64 + 9, 0x70])
  t.equal(q4k[5 * 32 + 9], 33 * 7)
  t.equal(q4k[6 * 32], -3)
  t.equal(block('Q5_K', [1, one], [4 + 1, 2 << 6], [4 + 9, 1], [16 + 9, 1 << 5], [48 + 64 + 9, 0x70])[5 * 32 + 9], 33 * (7 + 16))
  // Second half, second quarter: element 128 + 32 + 7 is nibble byte 64 + 32 + 7 (low), bit pair 1 of byte 128 + 32 + 7, scale 8 + 2.
  t.equal(block('Q6_K', [209, one], [64 + 32 + 7, 5], [128 + 32 + 7, 3 << 2], [192 + 10, 0xfe])[128 + 32 + 7], -2 * (5 + 48 - 32))
})

const tiny: RandomModelOptions = { arch: 'llama', layers: 2, embd: 256, heads: 4, kvHeads: 2, ffn: 256, vocab: 512 }
const tokens = [510, 3, 141, 59, 26, 53, 58, 97, 93, 238, 46, 264, 33, 83, 279]

t.test('random models', async (t) => {
  const directory = t.testdir()
  const write = async (name: string, options: Partial<RandomModelOptions>): Promise<string> => {
    const file = path.join(directory, `${name}.gguf`)
    const size = await writeRandomModel(file, { ...tiny, ...options })
    t.equal(size, statSync(file).size)
    return file
  }
  const spreadOf = (row: Float64Array): number => {
    const mean = row.reduce((a, b) => a + b) / row.length
    return rms(row.map((x) => x - mean))
  }

  t.test('have the names and shapes of real ones', async (t) => {
    const { values, tensors } = readGguf(await write('names', { arch: 'qwen2', headDim: 32 }))
    t.same(
      [...tensors.keys()].filter((name) => !name.startsWith('blk.1')).map((name) => `${name} ${tensors.get(name)!.shape.join(' ')}`),
      [
        'token_embd.weight 256 512',
        'blk.0.attn_norm.weight 256',
        'blk.0.attn_q.weight 256 128',
        'blk.0.attn_q.bias 128',
        'blk.0.attn_k.weight 256 64',
        'blk.0.attn_k.bias 64',
        'blk.0.attn_v.weight 256 64',
        'blk.0.attn_v.bias 64',
        'blk.0.attn_output.weight 128 256',
        'blk.0.ffn_norm.weight 256',
        'blk.0.ffn_gate.weight 256 256',
        'blk.0.ffn_up.weight 256 256',
        'blk.0.ffn_down.weight 256 256',
        'output_norm.weight 256',
        'output.weight 256 512',
      ],
    )
    t.equal(values.get('qwen2.attention.key_length'), 32)
    t.equal((values.get('tokenizer.ggml.tokens') as string[]).length, 512)
  })

  t.test('have logits of the wanted spread and varied choices, in every type, tied or not', async (t) => {
    const variants: Partial<RandomModelOptions>[] = [
      ...types.map((type) => ({ dtypes: { default: type } })),
      ...types.map((type) => ({ dtypes: { default: type }, fast: true })),
      { tied: true },
      { arch: 'qwen2', tied: true, scale: 3 },
    ]
    for (const [n, options] of variants.entries()) {
      const rows = logits(loadTiny(await write(`spread-${n}`, options)), tokens)
      const spread = rows.reduce((sum, row) => sum + spreadOf(row), 0) / rows.length / (options.scale ?? 6)
      t.ok(spread > 0.85 && spread < 1.2, `${JSON.stringify(options)}: ${spread.toFixed(2)} of the wanted spread`)
      const choices = new Set(rows.map((row) => row.indexOf(Math.max(...row))))
      t.ok(choices.size > rows.length / 2, `${choices.size} different choices`)
    }
  })

  t.test('take types per kind of tensor', async (t) => {
    const { tensors } = readGguf(await write('mix', { dtypes: { default: 'Q8_0', output: 'Q6_K', token_embd: 'Q4_K', ffn_down: 'Q5_K' } }))
    const typeOf = (name: string): string => tensors.get(name)!.type
    t.same(
      ['token_embd', 'output', 'blk.0.ffn_down', 'blk.1.attn_q', 'blk.0.attn_norm'].map((name) => typeOf(`${name}.weight`)),
      ['Q4_K', 'Q6_K', 'Q5_K', 'Q8_0', 'F32'],
    )
  })

  t.test('describe their RoPE scaling, which changes what they say', async (t) => {
    const plain = logits(loadTiny(await write('plain', {})), tokens, tokens.length - 1)[0]!
    for (const ropeScaling of [
      { type: 'llama3', original: 32 },
      { type: 'linear', factor: 4, original: 64 },
      { type: 'yarn', factor: 4, original: 64 },
    ] as const) {
      const file = await write(ropeScaling.type, { ropeScaling })
      const { values, tensors } = readGguf(file)
      t.equal(tensors.has('rope_freqs.weight'), ropeScaling.type === 'llama3')
      t.equal(values.get('llama.rope.scaling.type'), ropeScaling.type === 'llama3' ? undefined : ropeScaling.type)
      const row = logits(loadTiny(file), tokens, tokens.length - 1)[0]!
      t.ok(Math.max(...row.map((x, i) => Math.abs(x - plain[i]!))) > 0.5, ropeScaling.type)
    }
  })

  t.test('depend on nothing but their options', async (t) => {
    const bytes = (options: Partial<RandomModelOptions>): Buffer =>
      Buffer.concat([...randomModel({ ...tiny, ...options }).tensors[3]!.data()])
    for (const fast of [false, true]) {
      t.ok(bytes({ fast }).equals(bytes({ fast })))
      t.notOk(bytes({ fast }).equals(bytes({ fast, seed: 2 })))
    }
  })

  t.test('fast blocks have varied scales and mins', async (t) => {
    for (const type of ['Q4_K', 'Q5_K', 'Q6_K'] as const) {
      const { bytes } = readGguf(await write(`varied-${type}`, { dtypes: { default: type }, fast: true })).tensors.get('output.weight')!
      const { blockBytes } = tensorTypes[type]
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      const d = new Set(
        Array.from({ length: bytes.length / blockBytes }, (_, b) => view.getUint16(b * blockBytes + (type === 'Q6_K' ? 208 : 0), true)),
      )
      t.ok(d.size >= 30, `${type}: ${d.size} different scales`)
      t.ok([...d].every((half) => Math.abs(fromHalf(half)) < 1))
    }
  })

  t.test('refuse shapes that are no whole number of blocks', async (t) => {
    await t.rejects(writeRandomModel(path.join(directory, 'x.gguf'), { ...tiny, ffn: 100, dtypes: { default: 'Q8_0' } }), {
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})
