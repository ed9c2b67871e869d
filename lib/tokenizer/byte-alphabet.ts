/**
 * Byte-level BPE spells the 256 bytes as 256 printable characters: printable Latin-1 stands for itself, the others follow from
 * U+0100 on in the order of their values.
 */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)

/** Character of each byte. */
export const kByteCharacters: readonly string[] = (() => {
  let others = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++))
})()

const kBytes: ReadonlyMap<string, number> = new Map(kByteCharacters.map((character, byte) => [character, byte]))

/** The bytes of UTF-8 text: C0, C1 and F5 to FF never occur. */
export const kUtf8Bytes: readonly number[] = Array.from({ length: 0xf5 }, (_, byte) => byte).filter(
  (byte) => byte !== 0xc0 && byte !== 0xc1,
)

/** UTF-8 bytes of `text` in that alphabet. */
export function spellBytes(text: string): string {
  let spelled = ''
  for (const byte of Buffer.from(text, 'utf8')) spelled += kByteCharacters[byte]
  return spelled
}

/** Inverse of {@link spellBytes}. A character outside of the alphabet stands for its own UTF-8 bytes. */
export function unspellBytes(spelled: string): Uint8Array {
  const bytes: number[] = []
  for (const character of spelled) {
    const byte = kBytes.get(character)
    if (byte === undefined) bytes.push(...Buffer.from(character, 'utf8'))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
