import { RagdraftError } from '../base/errors'
import { kCasedLetters } from './cased-letters'

/**
 * A pre-tokenizer cuts text into the pieces that byte-pair encoding must not merge across. Each step cuts every piece of the
 * step before at the matches of its expression; what lies between the matches is a piece as well.
 */
export interface PreTokenizer {
  readonly steps: readonly RegExp[]
  /** Vocabularies of this kind hold whole words that their merges cannot build: a piece that is a token is that token. */
  readonly wholePieces: boolean
}

// White space is written as the Unicode property: \s of JavaScript adds U+FEFF and lacks U+0085.
const s = '\\p{White_Space}'
const kGpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${s}\\p{L}\\p{N}]+|${s}+(?![^${s}])`
const modern = (digits: string): string =>
  `'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}` +
  `| ?[^${s}\\p{L}\\p{N}]+[\\r\\n]*|${s}*[\\r\\n]+|${s}+(?![^${s}])|${s}+`

const make = (wholePieces: boolean, ...steps: string[]): PreTokenizer => ({
  wholePieces,
  steps: steps.map((step) => new RegExp(step, 'gu')),
})

const llama3 = make(true, modern('\\p{N}{1,3}'))
const qwen2 = make(false, modern('\\p{N}'))

const kPreTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['gpt-2', make(false, kGpt2)],
  ['default', make(false, '[\\p{P}$+<=>^~|]+', kGpt2, '\\p{N}+', '[0-9][0-9][0-9]')],
  [
    'deepseek-llm',
    make(
      false,
      '[\\r\\n]',
      `${s}?[${kCasedLetters}]+`,
      `${s}?[!-\\/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3000-\\u3002]+`,
      `(?<!${s})${s}+$`, // the look-behind changes no match, it keeps long runs of spaces from taking quadratic time
      '[\\u4E00-\\u9FA5\\u0800-\\u4E00\\uAC00-\\uD7FF]+',
      '\\p{N}+',
    ),
  ],
])

/** @throws ERR_UNSUPPORTED_TOKENIZER for a name that is not known here. */
export function preTokenizer(name: string): PreTokenizer {
  const found = kPreTokenizers.get(name)
  if (found) return found
  const known = [...kPreTokenizers.keys()].join(', ')
  throw new RagdraftError('ERR_UNSUPPORTED_TOKENIZER', `The pre-tokenizer "${name}" is not supported (${known} are).`)
}

/** The pieces of `text` after `steps`, from step `from` on. */
export function* preTokenize(text: string, steps: readonly RegExp[], from = 0): Generator<string, void> {
  const step = steps[from]
  if (!step) {
    yield text
    return
  }
  const last = from + 1 === steps.length
  let at = 0
  while (at < text.length) {
    step.lastIndex = at // set each time: the expressions are shared and several texts may be under way
    const match = step.exec(text)
    const start = match ? match.index : text.length
    if (start > at) {
      if (last) yield text.slice(at, start)
      else yield* preTokenize(text.slice(at, start), steps, from + 1)
    }
    if (!match) return
    at = start + match[0].length
    if (last) yield match[0]
    else yield* preTokenize(match[0], steps, from + 1)
  }
}
