/** What strangers wrote (documents, models, file names) must not command a terminal. */
import type { Writable } from 'node:stream'

/**
 * Control characters but for tab and newline (with ESC, which begins a terminal's commands, and C1, which some obey as well), and
 * the characters that turn the direction of writing and so the order of what is seen.
 */
const commanding = /(?![\t\n])\p{Cc}|\p{Bidi_Control}/gu

/**
 * The text with each such character shown as `\u001b`, and without carriage returns. A character at a time: pieces of a stream may be
 * shown as they come. In JSON nothing but the spelling changes: there these are the escapes of the same characters.
 */
export function printable(text: string): string {
  return text.replace(commanding, (character) => (character === '\r' ? '' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`))
}

export type Print = (text: string) => void

/** Prints on a stream: as it is into a file or a pipe, {@link printable} on a terminal. */
export function printer(stream: Writable & { readonly isTTY?: boolean }): Print {
  return (text) => void stream.write(stream.isTTY ? printable(text) : text)
}
