/** Distinct pieces kept: a long novel has about 30,000. */
const kMaxPieces = 1 << 16
/** Longer pieces (in UTF-16 code units) hardly ever come twice. */
const kMaxPieceLength = 48

/** Tokens of pieces of text that were met before. Forgets everything when full: simpler than LRU and as good for texts. */
export class PieceCache {
  readonly #tokens = new Map<string, Int32Array>()

  /** The tokens of `piece`; `encode` computes them the first time. */
  get(piece: string, encode: (piece: string) => Int32Array): Int32Array {
    const known = this.#tokens.get(piece)
    if (known) return known
    const tokens = encode(piece)
    if (piece.length > kMaxPieceLength) return tokens
    if (this.#tokens.size >= kMaxPieces) this.#tokens.clear()
    // A substring may be a view that keeps the whole document alive; the round trip makes a string of its own.
    this.#tokens.set(Buffer.from(piece, 'utf16le').toString('utf16le'), tokens)
    return tokens
  }
}
