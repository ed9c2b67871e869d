/** Standard input as a document. */
import type { Readable } from 'node:stream'
import { addAbortSignal } from 'node:stream'
import { RagdraftError } from '../base/errors'

/** @throws ERR_FILE_READ if the stream fails or is not UTF-8; signal.reason on abort */
export async function readStdin(stdin: Readable, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const parts: Buffer[] = []
  try {
    for await (const part of addAbortSignal(signal, stdin)) parts.push(Buffer.from(part))
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts))
  } catch (cause) {
    signal.throwIfAborted()
    const why = cause instanceof TypeError ? 'it is not UTF-8 text' : cause instanceof Error ? cause.message : String(cause)
    throw new RagdraftError('ERR_FILE_READ', `standard input could not be read: ${why}`, { cause })
  }
}
