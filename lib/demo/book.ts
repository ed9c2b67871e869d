import { readFileSync } from 'node:fs'

import path = require('node:path')

import { RagdraftError } from '../base/errors'
import { ownPackage } from '../runtime/package-root'

/** A place in a text: character offsets (UTF-16 code units, as String.slice counts), half-open. */
export interface Hidden {
  /** Offset of its first character. */
  readonly start: number
  /** Offset after its last character. */
  readonly end: number
  /** The characters there. */
  readonly text: string
}

/** A text, a question about it, and the answer that the demo model must give. */
export interface DemoBook {
  /** The book with the sentence in it. */
  readonly text: string
  /** The hidden sentence: text.slice(start, end). */
  readonly needle: Hidden
  /** Its first eight words, which are nowhere else in the book. */
  readonly question: string
  /** How it goes on: what the demo model must answer. Begins with a space. */
  readonly answer: string
}

const needle =
  'The brass astrolabe of Captain Marigold Quill lies buried beneath the seventh plum tree, wrapped in blue velvet, ' +
  'beside eleven silver thimbles and a letter that nobody ever opened.'
const questionWords = 8

/**
 * The demo's book, with a sentence hidden in it as a paragraph of its own.
 * @param options.depth how far into the book the sentence goes, 0 to 1. Default 0.4.
 * @throws ERR_INVALID_ARGUMENT for another depth; ERR_NATIVE_LOAD in a bundle without the package.
 */
export function demoBook(options: { readonly depth?: number } = {}): DemoBook {
  ownPackage()
  const book = readFileSync(path.join(__dirname, '..', '..', 'assets', 'demo', 'book.txt'), 'utf8')
  const hidden = hideSentence(book, needle, options.depth ?? 0.4)
  const question = needle.split(' ').slice(0, questionWords).join(' ')
  return { ...hidden, question, answer: needle.slice(question.length) }
}

/**
 * Inserts a sentence as a paragraph of its own at the paragraph break nearest to `depth` (0: before the text, 1: after it).
 * @throws ERR_INVALID_ARGUMENT unless depth is between 0 and 1.
 */
export function hideSentence(text: string, sentence: string, depth: number): { text: string; needle: Hidden } {
  if (!(depth >= 0 && depth <= 1)) throw new RagdraftError('ERR_INVALID_ARGUMENT', `depth must be between 0 and 1, not ${depth}`)
  const wanted = depth * text.length
  const breaks = [0, ...Array.from(text.matchAll(/\n\n(?!\n)/g), (match) => match.index + 2), text.length]
  const start = breaks.reduce((best, at) => (Math.abs(at - wanted) < Math.abs(best - wanted) ? at : best))
  return {
    text: `${text.slice(0, start)}${sentence}\n\n${text.slice(start)}`,
    needle: { start, end: start + sentence.length, text: sentence },
  }
}
