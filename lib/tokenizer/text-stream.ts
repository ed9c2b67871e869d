import { RagdraftError } from '../base/errors'
import { joinBytes } from './join-bytes'
import type { Tokenizer } from './tokenizer'

/** Options of {@link TextStream}. */
export interface TextStreamOptions {
  /** Strings that end the text; the first to be complete wins, and the text ends before it. Default none. */
  readonly stop?: readonly string[]
}

/**
 * Turns tokens into text as they come. What `push` and `flush` return, joined, is `tokenizer.decode` of all tokens (up to a stop
 * string), however the tokens were grouped. Held back until it is decided: the bytes of an unfinished code point, and text that may
 * be the beginning of a stop string.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer
  readonly #stop: readonly string[]
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #dropSpace: boolean
  #held = ''
  #stopped = false

  /** @throws ERR_INVALID_ARGUMENT for a stop string that is empty or not well-formed Unicode. */
  constructor(tokenizer: Tokenizer, { stop = [] }: TextStreamOptions = {}) {
    for (const string of stop) {
      if (string === '') throw new RagdraftError('ERR_INVALID_ARGUMENT', 'A stop string is empty.')
      if (/\p{Surrogate}/u.test(string)) throw new RagdraftError('ERR_INVALID_ARGUMENT', 'A stop string has a lone surrogate.')
    }
    this.#tokenizer = tokenizer
    this.#stop = [...stop]
    this.#dropSpace = tokenizer.addSpacePrefix
  }

  /** A stop string is complete: the text has ended and further tokens are ignored. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Text that these tokens decide; often empty. @throws ERR_INVALID_ARGUMENT for an id outside of the vocabulary. */
  push(ids: ArrayLike<number>): string {
    if (this.#stopped) return ''
    const parts = Array.from(ids, (id) => this.#tokenizer.tokenBytes(id))
    const bytes = joinBytes(parts, this.#dropSpace)
    if (parts.some((part) => part.length > 0)) this.#dropSpace = false // only the first bytes of a text can be its added space
    return this.#release(this.#decoder.decode(bytes, { stream: true }), false)
  }

  /** The rest of the text, after the last token: an unfinished code point becomes U+FFFD. */
  flush(): string {
    return this.#stopped ? '' : this.#release(this.#decoder.decode(), true)
  }

  #release(decoded: string, last: boolean): string {
    const text = this.#held + decoded
    this.#held = ''
    let end = Number.POSITIVE_INFINITY
    let start = text.length
    for (const stop of this.#stop) {
      const found = text.indexOf(stop)
      if (found < 0) continue
      // Of two that are complete at the same character the longer one counts.
      const foundEnd = found + stop.length
      if (foundEnd < end || (foundEnd === end && found < start)) {
        end = foundEnd
        start = found
        this.#stopped = true
      }
    }
    if (this.#stopped || last) return text.slice(0, start)
    const keep = this.#undecided(text)
    this.#held = text.slice(text.length - keep)
    return text.slice(0, text.length - keep)
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #undecided(text: string): number {
    let longest = 0
    for (const stop of this.#stop) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
