import { BPE } from '@huggingface/tokenizers'
import { RagdraftError } from '../base/errors'
import { finish, type Steps } from '../base/steps'
import { kByteCharacters, kUtf8Bytes, spellBytes, unspellBytes } from './byte-alphabet'
import { idsOfSymbols, mergePairs } from './merge'
import { PieceCache } from './piece-cache'
import { preTokenize, preTokenizer } from './pre-tokenizer'
import type { TextModel } from './text-model'
import { TokenKind, type Vocabulary } from './vocabulary'

/** Pieces of more bytes than this skip the library's merge loop: it takes a second for 100,000 bytes without a break. */
const kMaxLibraryBytes = 1024

/**
 * Byte-level byte-pair encoding (GPT-2 and its descendants).
 * @throws ERR_UNSUPPORTED_TOKENIZER for an unknown pre-tokenizer.
 * @throws ERR_INVALID_MODEL if a byte has no token.
 */
export function byteBpe(vocabulary: Vocabulary): TextModel {
  const { tokens, kinds } = vocabulary
  const { steps, wholePieces } = preTokenizer(vocabulary.pre)
  // Without control tokens: whatever merging builds, it cannot be one.
  const ids = new Map<string, number>()
  for (let id = 0; id < tokens.length; id++) if (kinds[id] !== TokenKind.control) ids.set(tokens[id]!, id)
  for (const byte of kUtf8Bytes) {
    if (!ids.has(kByteCharacters[byte]!)) {
      throw new RagdraftError('ERR_INVALID_MODEL', `tokenizer.ggml.tokens has no token for the byte ${byte}.`)
    }
  }

  const merges = vocabulary.merges.map(([left, right]): [string, string] => [left, right])
  const library = new BPE({ type: 'BPE', vocab: {}, merges, ignore_merges: false })
  const rankOf = (left: string, right: string): number | undefined => library.bpe_ranks.get(JSON.stringify([left, right]))

  // A merge may lead to a string that is no token (or a control token): its bytes are.
  const idsOf = (symbol: string): readonly number[] => {
    const id = ids.get(symbol)
    return id === undefined ? Array.from(symbol, (character) => ids.get(character)!) : [id]
  }
  const encodeLong = function* (piece: string): Steps<Int32Array> {
    const spelled = spellBytes(piece)
    const whole = wholePieces ? ids.get(spelled) : undefined
    if (whole !== undefined) return Int32Array.of(whole)
    const symbols = spelled.length > kMaxLibraryBytes ? yield* mergePairs(spelled.split(''), rankOf) : library.bpe(spelled)
    return yield* idsOfSymbols(symbols, idsOf)
  }
  const encode = (piece: string) => finish(encodeLong(piece))

  const cache = new PieceCache()
  return {
    pieces: (text) => preTokenize(text, steps),
    encodePiece: (piece, sink) => sink.pushAll(cache.get(piece, encode)),
    *encodeLongPiece(piece, sink) {
      sink.pushAll(yield* encodeLong(piece))
    },
    // User-defined tokens are written as they are, the others in the byte alphabet.
    bytes: (id) => (kinds[id] === TokenKind.userDefined ? Buffer.from(tokens[id]!, 'utf8') : unspellBytes(tokens[id]!)),
  }
}
