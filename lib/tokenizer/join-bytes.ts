/** The bytes of a run of tokens, without the space that SentencePiece puts before a text if `dropSpace` is set. */
export function joinBytes(parts: readonly Uint8Array[], dropSpace: boolean): Uint8Array {
  const joined = Buffer.concat(parts)
  return dropSpace && joined[0] === 0x20 ? joined.subarray(1) : joined
}
