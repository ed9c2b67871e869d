import type { Int32List } from '../base/int32-list'
import type { Steps } from '../base/steps'

/** How one family of tokenizers turns text without control tokens into ids, and ids into bytes. */
export interface TextModel {
  /**
   * Cuts text into pieces that are encoded independently of one another: the tokens of the text are those of its pieces.
   * Lazy, each piece costing time in proportion to its length, so that a caller may pause between any two, and where a piece is long,
   * in the midst of encoding it.
   */
  pieces(text: string): Iterable<string>
  /** Appends the tokens of one piece. */
  encodePiece(piece: string, sink: Int32List): void
  /** The same in steps, for a piece of many characters; what it yields means nothing. */
  encodeLongPiece(piece: string, sink: Int32List): Steps<void>
  /** Bytes of a text, byte or user-defined token. */
  bytes(id: number): Uint8Array
}
