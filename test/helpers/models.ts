/** Model files that tests share, made once a run in a temporary folder. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { writeGguf } from '../../lib/demo/gguf/write'
import { dequantizedModel } from '../../tools/models/dequantize'
import { type RandomModelOptions, randomModel as randomSource, writeRandomModel } from '../../tools/models/random-model'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-test-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

export const temporary = (name: string): string => path.join(folder, name)

/** Path of a random-weight model; the same options give the same file. */
export async function randomModel(name: string, options: RandomModelOptions): Promise<string> {
  const file = temporary(`${name}.gguf`)
  if (!fs.existsSync(file)) await writeRandomModel(file, options)
  return file
}

/** The model of {@link randomModel} with its matrices dequantised to F32. */
export async function dequantizedTwin(name: string, options: RandomModelOptions): Promise<string> {
  const file = temporary(`${name}-f32.gguf`)
  if (!fs.existsSync(file)) await writeGguf(file, dequantizedModel(randomSource(options)))
  return file
}

/** Two layers, grouped heads, every matrix a whole number of K-quant blocks: small enough for dozens of passes a second. */
export const tiny = {
  arch: 'llama',
  layers: 2,
  embd: 256,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  ffn: 512,
  vocab: 512,
  ctx: 8192,
  theta: 500000,
  tied: false,
  seed: 1,
} as const
