/**
 * An independent forward pass for tests: Llama and Qwen2 in f64, plain loops over one position after the other, no cache of pages, no
 * batches. Oracle of the native engine on small models: weights of any supported type are dequantised exactly, then nothing is rounded.
 */
import { decode } from '../../tools/models/quantize'
import { type ReadGguf, readGguf } from './read-gguf'

export interface TinyModel {
  readonly file: ReadGguf
  readonly tensors: ReadonlyMap<string, Float64Array>
  readonly interleaved: boolean
  readonly layers: number
  readonly heads: number
  readonly kvHeadOf: (head: number) => number
  readonly headDim: number
  readonly embd: number
  readonly epsilon: number
  /** Angle per position of each RoPE pair, and the factor on rotated vectors (YaRN). */
  readonly rope: { readonly angles: readonly number[]; readonly scale: number }
}

/** Reads a GGUF file of arch llama or qwen2. `without` drops tensors whose names match: what would a pass print that forgets them? */
export function loadTiny(path: string, options: { readonly without?: RegExp } = {}): TinyModel {
  const file = readGguf(path)
  const arch = file.values.get('general.architecture') as string
  const number = (key: string): number | undefined => file.values.get(`${arch}.${key}`) as number | undefined
  const kept = [...file.tensors.values()].filter(({ name }) => !options.without?.test(name))
  const tensors = new Map(kept.map(({ name, type, bytes }) => [name, decode(type, bytes)]))
  const heads = number('attention.head_count')!
  const embd = number('embedding_length')!
  const headDim = number('attention.key_length') ?? embd / heads
  return {
    file,
    tensors,
    interleaved: arch === 'llama',
    layers: number('block_count')!,
    heads,
    kvHeadOf: (head) => Math.floor(head / (heads / (number('attention.head_count_kv') ?? heads))),
    headDim,
    embd,
    epsilon: number('attention.layer_norm_rms_epsilon')!,
    rope: ropeAngles(file, arch, headDim, tensors.get('rope_freqs.weight')),
  }
}

function ropeAngles(file: ReadGguf, arch: string, headDim: number, factors: Float64Array | undefined): TinyModel['rope'] {
  const get = <T extends number | string>(key: string, otherwise: T): T =>
    (file.values.get(`${arch}.rope.${key}`) as T | undefined) ?? otherwise
  const theta = get('freq_base', 10000)
  const type = get<string>('scaling.type', 'none')
  const factor = type === 'none' ? 1 : get('scaling.factor', 1)
  const plain = Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim) / (factors?.[i] ?? 1))
  if (type !== 'yarn') return { angles: plain.map((angle) => angle / factor), scale: 1 }
  // YaRN: pairs with more than 32 turns within the original context keep their angle, those with less than one are interpolated.
  const original = get('scaling.original_context_length', 0)
  const pairOf = (turns: number): number => (headDim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const low = Math.max(0, Math.floor(pairOf(32)))
  const high = Math.min(headDim - 1, Math.ceil(pairOf(1)))
  const kept = plain.map((_, i) => 1 - Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low))))
  return { angles: plain.map((angle, i) => angle * (kept[i]! + (1 - kept[i]!) / factor)), scale: 1 + 0.1 * Math.log(factor) }
}

/**
 * Next-token logits after each of the tokens [from, tokens.length), [rows][vocab]. `tokens` starts with BOS if the model wants it;
 * positions count from 0. Default from 0.
 */
export function logits(model: TinyModel, tokens: readonly number[], from = 0): Float64Array[] {
  const { heads, kvHeadOf, headDim, embd, layers } = model
  const tensor = (name: string): Float64Array => model.tensors.get(name)!
  const caches = Array.from({ length: layers }, () => ({ keys: [] as Float64Array[], values: [] as Float64Array[] }))
  const rows: Float64Array[] = []
  tokens.forEach((token, position) => {
    const x = tensor('token_embd.weight').slice(token * embd, (token + 1) * embd)
    caches.forEach(({ keys, values }, n) => {
      const linear = (name: string, input: Float64Array): Float64Array =>
        multiply(tensor(`blk.${n}.${name}.weight`), input, model.tensors.get(`blk.${n}.${name}.bias`))
      const a = norm(model, x, tensor(`blk.${n}.attn_norm.weight`))
      keys.push(rotate(model, linear('attn_k', a), position))
      values.push(linear('attn_v', a))
      if (n === layers - 1 && position < from) return // nobody asks for what comes of it
      const q = rotate(model, linear('attn_q', a), position)
      const seen = new Float64Array(heads * headDim)
      for (let h = 0; h < heads; h++) attend(q, keys, values, h * headDim, kvHeadOf(h) * headDim, headDim, seen)
      add(x, linear('attn_output', seen))
      const f = norm(model, x, tensor(`blk.${n}.ffn_norm.weight`))
      const up = linear('ffn_up', f)
      add(
        x,
        linear(
          'ffn_down',
          linear('ffn_gate', f).map((gate, i) => (gate / (1 + Math.exp(-gate))) * up[i]!),
        ),
      )
    })
    if (position < from) return
    rows.push(multiply(model.tensors.get('output.weight') ?? tensor('token_embd.weight'), norm(model, x, tensor('output_norm.weight'))))
  })
  return rows
}

/** The most probable token; the smallest id among equals. */
export const argmax = (row: Float64Array): number => row.reduce((best, x, i) => (x > row[best]! ? i : best), 0)

/** Head of q at `qAt` over KV head at `kvAt` of all positions so far; adds the mixed value to `out` at `qAt`. */
function attend(
  q: Float64Array,
  keys: Float64Array[],
  values: Float64Array[],
  qAt: number,
  kvAt: number,
  dim: number,
  out: Float64Array,
): void {
  const scores = keys.map((key) => {
    let sum = 0
    for (let j = 0; j < dim; j++) sum += q[qAt + j]! * key[kvAt + j]!
    return sum / Math.sqrt(dim)
  })
  const largest = Math.max(...scores)
  const masses = scores.map((score) => Math.exp(score - largest))
  const all = masses.reduce((a, b) => a + b)
  values.forEach((value, p) => {
    const share = masses[p]! / all
    for (let j = 0; share > 0 && j < dim; j++) out[qAt + j]! += share * value[kvAt + j]!
  })
}

function rotate({ headDim, interleaved, rope }: TinyModel, x: Float64Array, position: number): Float64Array {
  for (let head = 0; head < x.length; head += headDim) {
    rope.angles.forEach((angle, i) => {
      const re = head + (interleaved ? 2 * i : i)
      const im = interleaved ? re + 1 : re + headDim / 2
      const [cos, sin] = [rope.scale * Math.cos(angle * position), rope.scale * Math.sin(angle * position)]
      const [a, b] = [x[re]!, x[im]!]
      x[re] = a * cos - b * sin
      x[im] = a * sin + b * cos
    })
  }
  return x
}

function norm({ epsilon }: TinyModel, x: Float64Array, weight: Float64Array): Float64Array {
  const rms = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + epsilon)
  return x.map((v, i) => (v / rms) * weight[i]!)
}

/** weights [rows, x.length], row-major. Goes over the non-zero ones: constructed models consist of little else than zeros. */
function multiply(weights: Float64Array, x: Float64Array, bias?: Float64Array): Float64Array {
  const { values, columns, ends } = nonZeros(weights, x.length)
  const out = bias ? bias.slice() : new Float64Array(ends.length)
  for (let row = 0, i = 0; row < ends.length; row++) {
    let sum = 0
    for (const end = ends[row]!; i < end; i++) sum += values[i]! * x[columns[i]!]!
    out[row]! += sum
  }
  return out
}

interface NonZeros {
  readonly values: Float64Array
  readonly columns: Int32Array // of each value
  readonly ends: number[] // row r has the values up to ends[r]
}

const sparse = new WeakMap<Float64Array, NonZeros>()

function nonZeros(weights: Float64Array, width: number): NonZeros {
  let found = sparse.get(weights)
  if (!found) {
    const count = weights.reduce((sum, w) => sum + (w === 0 ? 0 : 1), 0)
    found = { values: new Float64Array(count), columns: new Int32Array(count), ends: [] }
    for (let i = 0, n = 0; i < weights.length; i++) {
      if (weights[i] !== 0) {
        found.values[n] = weights[i]!
        found.columns[n++] = i % width
      }
      if ((i + 1) % width === 0) found.ends.push(n)
    }
    sparse.set(weights, found)
  }
  return found
}

function add(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!
}
