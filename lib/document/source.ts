import { constants, isUtf8 } from 'node:buffer'
import type { Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { RagdraftError } from '../base/errors'
import { firstInvalidUtf8 } from './utf8'

/** A document: its text as a string, or as `{ text }`, or the path of a UTF-8 text file as `{ path }`. */
export type DocumentInput = string | DocumentText | DocumentFile

/** A document as its text. */
export interface DocumentText {
  /** Not blank, without NUL characters and lone surrogates. */
  readonly text: string
}

/** A document in a file. */
export interface DocumentFile {
  /** Path of a UTF-8 text file; a byte order mark is left out. */
  readonly path: string
}

/** The text that every character offset of the library refers to. */
export interface SourceText {
  /** Well-formed UTF-16, not blank, no NUL. Line endings are as in the source. */
  readonly text: string
  /** The file it was read from, as given; absent for a text that was passed in. */
  readonly path?: string
}

/**
 * Reads and checks a document. A plain string is the text itself, never a path.
 *
 * A text that was passed in is returned unchanged, so that offsets are offsets into the caller's own string. A file is decoded
 * as UTF-8 without its byte order mark; nothing else changes (CRLF stays CRLF). Offsets then refer to the returned text.
 *
 * @param options.signal aborts the reading of a file; the promise then rejects with `signal.reason`.
 * @throws ERR_INVALID_ARGUMENT if the input has another type, is blank, has a NUL or a lone surrogate (`details.index`), or if
 *   the file is not UTF-8 (`details.byteOffset`) or is too long for a string.
 * @throws ERR_FILE_NOT_FOUND if there is no such file.
 * @throws ERR_FILE_READ if the path is a directory or a device, or reading fails (`cause`).
 */
export async function loadDocument(input: DocumentInput, options: { signal?: AbortSignal | undefined } = {}): Promise<SourceText> {
  options.signal?.throwIfAborted()
  if (typeof input === 'string') return { text: checkedText(input) }
  const { text, path } = (input ?? {}) as { text?: unknown; path?: unknown }
  if (typeof text === 'string' && path === undefined) return { text: checkedText(text) }
  if (typeof path === 'string' && path !== '' && !path.includes('\0') && text === undefined) {
    return { text: checkedText(decode(await read(path, options.signal), path), path), path }
  }
  throw new RagdraftError('ERR_INVALID_ARGUMENT', 'a document must be a string, { text: string } or { path: string }')
}

function checkedText(text: string, path?: string): string {
  const name = path === undefined ? 'the document' : `"${path}"`
  if (!text.isWellFormed()) {
    // With the u flag a surrogate class matches only those outside a pair.
    const surrogate = text.search(/\p{Surrogate}/u)
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `${name} has a lone surrogate at index ${surrogate}: not valid Unicode`, {
      details: { index: surrogate },
    })
  }
  const nul = text.indexOf('\0')
  if (nul !== -1) {
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `${name} has a NUL character at index ${nul}: not plain text`, {
      details: { index: nul },
    })
  }
  if (!/\S/.test(text)) throw new RagdraftError('ERR_INVALID_ARGUMENT', `${name} is empty`)
  return text
}

async function read(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    const info = await stat(path)
    // A device such as /dev/zero never ends. Pipes are fine: a shell's <(...) is one.
    if (info.isDirectory() || info.isCharacterDevice() || info.isBlockDevice() || info.isSocket()) {
      throw new RagdraftError('ERR_FILE_READ', `cannot read "${path}": it is ${kindOf(info)}, not a file`)
    }
    return await readFile(path, { signal })
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof RagdraftError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new RagdraftError('ERR_FILE_NOT_FOUND', `no such file: "${path}"`, { cause })
    throw new RagdraftError('ERR_FILE_READ', `cannot read "${path}": ${message}`, { cause })
  }
}

function kindOf(info: Stats): string {
  return info.isDirectory() ? 'a directory' : info.isSocket() ? 'a socket' : 'a device'
}

function decode(bytes: Buffer, path: string): string {
  // Decoding never yields more UTF-16 units than there are bytes, so this bound is on the safe side.
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    throw new RagdraftError(
      'ERR_INVALID_ARGUMENT',
      `"${path}" has ${bytes.length} bytes; at most ${constants.MAX_STRING_LENGTH} are supported`,
      {
        details: { bytes: bytes.length, maxBytes: constants.MAX_STRING_LENGTH },
      },
    )
  }
  if (!isUtf8(bytes)) {
    const byteOffset = firstInvalidUtf8(bytes)
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    const hint = utf16 ? ' (it looks like UTF-16: convert it to UTF-8)' : ''
    throw new RagdraftError('ERR_INVALID_ARGUMENT', `"${path}" is not UTF-8 text: invalid byte at offset ${byteOffset}${hint}`, {
      details: { byteOffset },
    })
  }
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  return bytes.toString('utf8', start)
}
