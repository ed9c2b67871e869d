import { RagdraftError } from '../base/errors'
import { finish, type Steps } from '../base/steps'
import { kUtf8Bytes } from './byte-alphabet'
import { idsOfSymbols, mergePairs } from './merge'
import { PieceCache } from './piece-cache'
import type { TextModel } from './text-model'
import { byteOfName, TokenKind, type Vocabulary } from './vocabulary'

/** U+2581, which stands for a space in the names of tokens. */
const kSpace = '▁'

/**
 * SentencePiece BPE: characters merge into tokens, the highest score first; what is no token falls back to its UTF-8 bytes.
 * The space before a text is the caller's business (see Tokenizer.encode).
 * @throws ERR_INVALID_MODEL if a byte has no token and there is no unknown token either.
 */
export function sentencePiece(vocabulary: Vocabulary): TextModel {
  const { tokens, kinds, scores, unknown } = vocabulary
  // Tokens that merging may build, with plain spaces: neither control tokens nor byte tokens ("<0x0A>" in a text is six characters).
  const ids = new Map<string, number>()
  const byteIds = new Array<number | null>(256).fill(unknown)
  for (let id = 0; id < tokens.length; id++) {
    const name = tokens[id]!
    const byte = kinds[id] === TokenKind.byte ? byteOfName(name) : null
    if (byte !== null) byteIds[byte] = id
    else if ((kinds[id] === TokenKind.text || kinds[id] === TokenKind.userDefined) && !name.includes(' ')) {
      ids.set(name.replaceAll(kSpace, ' '), id)
    }
  }
  const missing = kUtf8Bytes.find((byte) => byteIds[byte] === null)
  if (missing !== undefined) {
    throw new RagdraftError('ERR_INVALID_MODEL', `tokenizer.ggml.tokens has neither a token for the byte ${missing} nor an unknown token.`)
  }

  const rankOf = (left: string, right: string): number | undefined => {
    const id = ids.get(left + right)
    return id === undefined ? undefined : -scores[id]!
  }
  const idsOf = (symbol: string): readonly number[] => {
    const id = ids.get(symbol)
    return id === undefined ? Array.from(Buffer.from(symbol, 'utf8'), (byte) => byteIds[byte]!) : [id]
  }
  const encodeLong = function* (piece: string): Steps<Int32Array> {
    return yield* idsOfSymbols(yield* mergePairs([...piece], rankOf), idsOf)
  }
  const encode = (piece: string) => finish(encodeLong(piece))

  const neighbours = new Neighbours(ids.keys())
  const cache = new PieceCache()
  return {
    pieces: (text) => neighbours.split(text.replaceAll(kSpace, ' ')),
    encodePiece: (piece, sink) => sink.pushAll(cache.get(piece, encode)),
    *encodeLongPiece(piece, sink) {
      sink.pushAll(yield* encodeLong(piece))
    },
    bytes: (id) => {
      const byte = kinds[id] === TokenKind.byte ? byteOfName(tokens[id]!) : null
      return byte === null ? Buffer.from(tokens[id]!.replaceAll(kSpace, ' '), 'utf8') : Uint8Array.of(byte)
    },
  }
}

/**
 * Where a text may be cut: SentencePiece has no pre-tokenizer, but between two characters that stand side by side in no token no
 * merge can take place. In practice that is before each word and around each line break.
 */
class Neighbours {
  readonly #ascii = new Uint8Array(128 * 128)
  readonly #others = new Set<number>()

  constructor(tokens: Iterable<string>) {
    for (const token of tokens) {
      let left = -1
      for (const character of token) {
        const right = character.codePointAt(0)!
        if (left >= 0) this.#add(left, right)
        left = right
      }
    }
  }

  /** Pieces of `text` that no token spans. */
  *split(text: string): Generator<string, void> {
    let start = 0
    let left = -1
    for (let at = 0; at < text.length; ) {
      const right = text.codePointAt(at)!
      if (left >= 0 && !this.#has(left, right)) {
        yield text.slice(start, at)
        start = at
      }
      left = right
      at += right > 0xffff ? 2 : 1
    }
    if (start < text.length) yield text.slice(start)
  }

  #add(left: number, right: number): void {
    if (left < 128 && right < 128) this.#ascii[left * 128 + right] = 1
    else this.#others.add(left * 0x110000 + right)
  }

  #has(left: number, right: number): boolean {
    return left < 128 && right < 128 ? this.#ascii[left * 128 + right] === 1 : this.#others.has(left * 0x110000 + right)
  }
}
