/** A plain byte-level BPE encoder with the Llama 3 pre-tokenizer, for tests of the demo model: one merge at a time, best first. */
import { byteTokens } from '../../lib/demo/vocabulary'

const pieces =
  /(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu

/** Encoder of a vocabulary; tokens and merges as in GGUF metadata. No BOS is added. */
export function makeEncoder(tokens: readonly string[], merges: readonly string[]): (text: string) => number[] {
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const rankOf = new Map(merges.map((merge, rank) => [merge, rank]))
  const symbols = byteSymbols()
  const encodePiece = (piece: string): number[] => {
    let parts = Array.from(Buffer.from(piece), (byte) => symbols[byte]!)
    const whole = idOf.get(parts.join('')) // this pre-tokenizer looks a whole piece up before it merges
    if (whole !== undefined) return [whole]
    for (;;) {
      let best = -1
      let bestRank = Number.POSITIVE_INFINITY
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = rankOf.get(`${parts[i]} ${parts[i + 1]}`)
        if (rank !== undefined && rank < bestRank) [best, bestRank] = [i, rank]
      }
      if (best < 0) return parts.map((part) => idOf.get(part)!)
      parts = [...parts.slice(0, best), parts[best]! + parts[best + 1]!, ...parts.slice(best + 2)]
    }
  }
  return (text) => (text.match(pieces) ?? []).flatMap(encodePiece)
}

/** The stand-in of every byte: printable ones are their own. */
function byteSymbols(): string[] {
  const symbols = new Array<string>(256).fill('')
  const standIns: string[] = []
  for (const symbol of byteTokens()) {
    if (symbol.charCodeAt(0) < 256) symbols[symbol.charCodeAt(0)] = symbol
    else standIns.push(symbol)
  }
  return symbols.map((symbol) => symbol || standIns.shift()!)
}
