import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import type { GgufValue } from '../../lib/runtime/binding'
import { readGgufMetadata } from './gguf-metadata'

const root = path.resolve(__dirname, '..', '..')
const bundle = path.join(root, 'bench/peers/node_modules/node-llama-cpp/llama/gitRelease.bundle')
const separator = '\n__ggml_vocab_test__\n'

export interface Vectors {
  readonly metadata: Record<string, GgufValue>
  /** Texts and their ids without BOS, as llama.cpp publishes them. */
  readonly cases: readonly { text: string; ids: number[] }[]
}

/** Why there are no vectors, for skip messages. */
export const noVectors =
  'needs the vocabularies of llama.cpp: ../shared/data/tokenizers, RAGDRAFT_TOKENIZER_VECTORS, or npm run peers:install'

/** Vocabulary and test vectors of llama.cpp's models/ggml-vocab-<name>.gguf; null where they are not at hand. */
export function tokenizerVectors(name: string): Vectors | null {
  const file = `ggml-vocab-${name}.gguf`
  for (const folder of [path.resolve(root, '../shared/data/tokenizers'), process.env.RAGDRAFT_TOKENIZER_VECTORS]) {
    if (folder && fs.existsSync(path.join(folder, file))) return readVectors(folder, file)
  }
  return fs.existsSync(bundle) ? fromBundle(file) : null
}

function readVectors(folder: string, file: string): Vectors {
  const read = (extension: string): string => fs.readFileSync(path.join(folder, file + extension), 'utf8')
  const ids = read('.out').split('\n')
  const cases = read('.inp')
    .split(separator)
    .map((text, index) => ({ text, ids: (ids[index]!.match(/\d+/g) ?? []).map(Number) }))
  return { metadata: readGgufMetadata(path.join(folder, file)), cases }
}

/** The peer package carries llama.cpp's repository as a git bundle. */
function fromBundle(file: string): Vectors {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-vectors-'))
  try {
    const repository = path.join(folder, 'repository')
    const git = (...args: string[]): Buffer => execFileSync('git', args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })
    git('clone', '--quiet', '--bare', bundle, repository)
    for (const extension of ['', '.inp', '.out']) {
      fs.writeFileSync(path.join(folder, file + extension), git('-C', repository, 'show', `HEAD:models/${file}${extension}`))
    }
    return readVectors(folder, file)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** A long English text: a published book where there is one, else invented sentences of the same length. */
export function longText(name: string, characters: number): string {
  const file = path.resolve(root, '../shared/data/texts', name)
  if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8').slice(0, characters)
  const words = 'the prince Andréi said; 1812 “war” don’t\tpeace\n\n   IX. of—and'.split(' ')
  let text = ''
  for (let i = 0; text.length < characters; i++) text += `${words[(i * i + 3 * i) % words.length]} `
  return text.slice(0, characters)
}
