/** Model files of known shapes with random weights, written once into the temporary folder. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import type { GgufSource } from '../lib/demo/gguf/types'
import { writeGguf } from '../lib/demo/gguf/write'
import { type RandomModelOptions, randomModel } from '../tools/models/random-model'

const shapes = {
  'llama-3.2-1b': {
    arch: 'llama',
    layers: 16,
    embd: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    ffn: 8192,
    vocab: 128256,
    ctx: 131072,
    theta: 500000,
    tied: true,
    seed: 1,
    fast: true,
  },
  // Its context is 32,768; more here, so that a chunk fits behind that depth.
  'qwen2.5-0.5b': {
    arch: 'qwen2',
    layers: 24,
    embd: 896,
    heads: 14,
    kvHeads: 2,
    ffn: 4864,
    vocab: 151936,
    ctx: 131072,
    theta: 1e6,
    tied: true,
    seed: 1,
    fast: true,
  },
} as const satisfies Record<string, RandomModelOptions>

type Shape = keyof typeof shapes
const types = { q8_0: 'Q8_0', q4_0: 'Q4_0', bf16: 'BF16', f16: 'F16' } as const

/** Names that {@link modelFile} knows: a shape and the type of its matrices. */
export const modelNames: readonly string[] = Object.keys(shapes).flatMap((shape) =>
  [...Object.keys(types), 'q4_k_m'].map((type) => `${shape}-${type}`),
)

/** The path of a model: of a GGUF file as given, or of the file of random weights with that name, which is written if absent. */
export async function modelFile(name: string, log: (line: string) => void): Promise<string> {
  if (!modelNames.includes(name)) {
    if (fs.existsSync(name)) return name
    throw new Error(`${name} is neither a file nor one of ${modelNames.join(', ')}`)
  }
  const file = path.join(os.tmpdir(), `ragdraft-bench-${name}.gguf`)
  if (!fs.existsSync(file)) {
    log(`writing ${file}`)
    await writeGguf(file, source(name))
  }
  return file
}

/** How reports name a model file. */
export const modelLabel = (file: string): string => path.basename(file, '.gguf').replace('ragdraft-bench-', '')

function source(name: string): GgufSource {
  const shape = (Object.keys(shapes) as Shape[]).find((s) => name.startsWith(`${s}-`))!
  const type = name.slice(shape.length + 1)
  if (type === 'q4_k_m') return mixed(shapes[shape])
  return randomModel({ ...shapes[shape], dtypes: { default: types[type as keyof typeof types] } })
}

/**
 * What llama.cpp's Q4_K_M is made of: Q4_K, and Q6_K for the output and, in half of the layers, for attn_v and ffn_down. Rows that
 * are not whole blocks of 256 (Qwen2.5-0.5B) get Q4_0 for Q4_K (there: Q5_0) and Q8_0 for Q6_K.
 */
function mixed(shape: RandomModelOptions): GgufSource {
  const whole = shape.embd % 256 === 0
  const [small, large] = whole ? (['Q4_K', 'Q6_K'] as const) : (['Q4_0', 'Q8_0'] as const)
  const dtypes = { default: small, token_embd: large, output: large, ffn_down: 'Q4_K' } as const
  const base = randomModel({ ...shape, dtypes })
  const better = randomModel({ ...shape, dtypes: { ...dtypes, attn_v: large, ffn_down: 'Q6_K' } })
  return {
    ...base,
    tensors: base.tensors.map((tensor, i) => {
      const layer = /^blk\.(\d+)\./.exec(tensor.name)?.[1]
      return layer !== undefined && hasMoreBits(Number(layer), shape.layers) ? better.tensors[i]! : tensor
    }),
  }
}

/** The first and the last eighth of the layers, and every third between. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= layers - eighth || (layer - eighth) % 3 === 2
}
