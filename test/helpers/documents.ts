/** The documents of the repository, and the code in them. */
import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { root } from './dist'

/** Those that were written by hand, relative to the root. */
export const documents: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'bench/README.md',
  'examples/README.md',
  'test/README.md',
  'test/cpp/cuda/README.md',
  'test/fuzz/README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.startsWith('api'))
    .map((file) => path.join('docs', file)),
]

export const read = (document: string): string => readFileSync(path.join(root, document), 'utf8')

/** The fenced blocks of a document in one language; '' for fences that name none. */
export function blocks(document: string, language: string): string[] {
  const fenced = read(document).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return Array.from(fenced).flatMap(([, name, body]) => (name === language ? [body!.trimEnd()] : []))
}

/** The README, the figures and the pages of the guide: what they tell a user to type is run or compiled. */
export const userPages = ['README.md', path.join('docs', 'measured.md'), ...documents.filter((name) => name.includes('guide'))]
