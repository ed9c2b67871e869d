import { RagdraftError } from '../base/errors'
import { Int32List } from '../base/int32-list'
import { whileListening } from '../base/listening'
import { finish, inSlices, mapProgress, type Steps } from '../base/steps'
import { joinBytes } from './join-bytes'
import type { TextModel } from './text-model'
import type { DecodeOptions, EncodeAsyncOptions, TemplateOptions, Tokenizer } from './tokenizer'
import { TokenKind, type Vocabulary } from './vocabulary'

const kPiecesPerStep = 128
/** UTF-16 code units of a piece that is encoded in steps: below, it takes a fraction of a millisecond. */
const kLongPiece = 512
const kNoBytes = new Uint8Array(0)

/** Literal strings that are cut out of a text before the text model sees it. */
interface Literals {
  readonly pattern: RegExp | null
  readonly ids: ReadonlyMap<string, number>
}

/** The one Tokenizer implementation: literal tokens, prefix space and slicing around a TextModel. */
export class GgufTokenizer implements Tokenizer {
  readonly model: string
  readonly pre: string
  readonly vocabSize: number
  readonly bosToken: number | null
  readonly eosToken: number | null
  readonly stopTokens: readonly number[]
  readonly addBos: boolean
  readonly addEos: boolean
  readonly addSpacePrefix: boolean
  readonly #vocabulary: Vocabulary
  readonly #text: TextModel
  readonly #plain: Literals
  readonly #template: Literals
  readonly #bytes: (Uint8Array | undefined)[] = []

  constructor(vocabulary: Vocabulary, text: TextModel) {
    this.model = vocabulary.model
    this.pre = vocabulary.pre
    this.vocabSize = vocabulary.tokens.length
    this.bosToken = vocabulary.bos
    this.eosToken = vocabulary.eos
    this.stopTokens = Object.freeze([...vocabulary.stopTokens])
    this.addBos = vocabulary.addBos
    this.addEos = vocabulary.addEos
    this.addSpacePrefix = vocabulary.addSpacePrefix
    this.#vocabulary = vocabulary
    this.#text = text
    this.#plain = literals(vocabulary, [TokenKind.userDefined])
    this.#template = literals(vocabulary, [TokenKind.userDefined, TokenKind.control])
  }

  encode(text: string): Int32Array {
    const sink = new Int32List()
    finish(this.#encode(wellFormed(text), this.#plain, false, sink))
    return sink.toArray()
  }

  async encodeAsync(text: string, { signal, onProgress }: EncodeAsyncOptions = {}): Promise<Int32Array> {
    const sink = new Int32List()
    const steps = this.#encode(wellFormed(text), this.#plain, false, sink)
    const total = text.length
    return whileListening(onProgress, [signal], async (linked, tell) => {
      await inSlices(steps, { signal: linked, total, onProgress: (done) => tell?.(done, total) })
      return sink.toArray()
    })
  }

  encodeTemplate(text: string, { continues = false }: TemplateOptions = {}): Int32Array {
    const sink = new Int32List()
    finish(this.#encode(wellFormed(text), this.#template, continues, sink))
    return sink.toArray()
  }

  count(text: string): number {
    return this.encode(text).length
  }

  decode(ids: ArrayLike<number>, { special = false }: DecodeOptions = {}): string {
    const parts = Array.from(ids, (id) => {
      const bytes = this.tokenBytes(id)
      return special && this.isControl(id) ? Buffer.from(this.#vocabulary.tokens[id]!, 'utf8') : bytes
    })
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(joinBytes(parts, this.addSpacePrefix))
  }

  tokenBytes(id: number): Uint8Array {
    const known = this.#bytes[id]
    if (known) return known
    const bytes = this.isControl(id) ? kNoBytes : this.#text.bytes(id)
    this.#bytes[id] = bytes
    return bytes
  }

  isControl(id: number): boolean {
    const kind = this.#vocabulary.kinds[id]
    if (kind === undefined) {
      throw new RagdraftError('ERR_INVALID_ARGUMENT', `${id} is not a token id of a vocabulary of ${this.vocabSize} tokens.`)
    }
    return kind === TokenKind.control
  }

  /**
   * Appends the tokens of `text`; yields the number of UTF-16 code units done every now and then, where the caller may pause.
   * One code path for all ways of encoding, so that a paused run gives the ids of an unpaused one.
   */
  *#encode(text: string, { pattern, ids }: Literals, continues: boolean, sink: Int32List): Steps<void> {
    let prefix = this.addSpacePrefix && !continues
    let at = 0
    while (at < text.length) {
      const match = pattern === null ? null : matchFrom(pattern, text, at)
      const end = match ? match.index : text.length
      if (end > at) {
        const plain = text.slice(at, end)
        let done = at
        let pieces = 0
        for (const piece of this.#text.pieces(prefix ? ` ${plain}` : plain)) {
          if (piece.length > kLongPiece) yield* mapProgress(this.#text.encodeLongPiece(piece, sink), () => Math.min(done, end))
          else this.#text.encodePiece(piece, sink)
          done += piece.length
          if (++pieces % kPiecesPerStep === 0) yield Math.min(done, end)
        }
        prefix = false
      }
      if (!match) return
      const token = ids.get(match[0])!
      sink.push(token)
      // Text after a control token starts anew, text after a user-defined one goes on.
      prefix = this.addSpacePrefix && this.isControl(token)
      at = end + match[0].length
      yield at
    }
  }
}

function matchFrom(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at // set each time: other texts may be under way with the same pattern
  return pattern.exec(text)
}

/** Finds the tokens of these kinds by their names, the longest name first where several begin at one place. */
function literals({ tokens, kinds }: Vocabulary, wanted: readonly TokenKind[]): Literals {
  const ids = new Map<string, number>()
  tokens.forEach((name, id) => {
    if (name !== '' && wanted.includes(kinds[id]!)) ids.set(name, id)
  })
  if (ids.size === 0) return { pattern: null, ids }
  const names = [...ids.keys()].sort((a, b) => b.length - a.length)
  return { ids, pattern: new RegExp(names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu') }
}

/** Lone surrogates as U+FFFD, which is what UTF-8 makes of them. */
const wellFormed = (text: string): string => text.toWellFormed()
