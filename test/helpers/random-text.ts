import { existsSync, readFileSync } from 'node:fs'
import * as path from 'node:path'

/** Uniform numbers in [0, 1) from a seed (mulberry32), so that a failing property test can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function integer(random: () => number, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1))
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!
}

/** A made-up word of a vocabulary whose small numbers are frequent, as in a language. */
export function word(number: number): string {
  const syllables = ['ba', 'ke', 'lo', 'mi', 'nu', 'ra', 'se', 'ti', 'vo', 'du']
  return [...String(number)].map((digit) => syllables[Number(digit)]).join('')
}

/** English-like prose: sentences of 4 to 20 words of a Zipf-like vocabulary of 5,000, paragraphs of 1 to 8 sentences. */
export function prose(random: () => number, sentences: number): string {
  let text = ''
  for (let i = 0; i < sentences; i++) {
    const words = Array.from({ length: integer(random, 4, 20) }, () => word(Math.floor(5000 ** random())))
    const sentence = words.join(' ') + pick(random, ['.', '.', '.', '!', '?', ', too.', '; so there.'])
    text += sentence[0]!.toUpperCase() + sentence.slice(1) + pick(random, [' ', ' ', ' ', '\n', '\n\n', '\r\n\r\n'])
  }
  return text
}

/** Text for the places where cutting goes wrong. */
export const AWKWARD: Readonly<Record<string, (random: () => number) => string>> = {
  prose: (random) => prose(random, integer(random, 1, 60)),
  chinese: (random) =>
    Array.from({ length: integer(random, 1, 900) }, () => pick(random, [...'我们在一起今天天气很好，。！？；去看书山水火风人'])).join(''),
  code: (random) =>
    Array.from(
      { length: integer(random, 1, 60) },
      (_, i) => `${'  '.repeat(i % 5)}const ${word(i)}_${i} = f(${word(i)}, ${random()});\n`,
    ).join(''),
  'one giant word': (random) => 'x'.repeat(integer(random, 1, 5000)),
  emoji: (random) =>
    Array.from({ length: integer(random, 1, 300) }, () => pick(random, ['👨‍👩‍👧‍👦', '🇫🇷', '👍🏽', 'e\u0301', '😀', ' '])).join(''),
  whitespace: (random) =>
    Array.from({ length: integer(random, 1, 2000) }, () => pick(random, ['\n', '\r\n', ' ', '\t', '\r', 'a'])).join(''),
}

const books = path.resolve(__dirname, '..', '..', '..', 'shared', 'data', 'texts')

/** A book of the collection beside the checkout, or undefined where there is none. */
export function book(name: string): string | undefined {
  const file = path.join(books, `${name}.txt`)
  return existsSync(file) ? readFileSync(file, 'utf8').replace(/^\ufeff/, '') : undefined
}
