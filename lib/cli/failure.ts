/** What a failure says to the user. */
import { types } from 'node:util'
import { RagdraftError } from '../base/errors'

/** Causes of causes: more than this is a circle. */
const mostCauses = 8

const roomHint =
  '  A larger --context helps, up to what the model was trained for ("ragdraft inspect MODEL"). With --mode rag the document need not fit.'

/** Code and message, then what caused it, a line each. An error that is not of the library is a fault of ours: with its stack. */
export function failureText(error: unknown): string {
  if (!(error instanceof RagdraftError)) return types.isNativeError(error) ? (error.stack ?? error.message) : String(error)
  const lines = [`${error.code}: ${error.message}`]
  let told = error.message
  // That a file is not there has no reason that would tell more.
  let cause = error.code === 'ERR_FILE_NOT_FOUND' ? undefined : error.cause
  for (let i = 0; i < mostCauses && cause !== undefined && cause !== null; i++) {
    const message = types.isNativeError(cause) ? cause.message : String(cause)
    // Many messages quote their cause: once is enough.
    if (message !== '' && !told.includes(message)) lines.push(`  caused by: ${message.trimEnd().replaceAll('\n', '\n  ')}`)
    told += message
    cause = types.isNativeError(cause) ? cause.cause : undefined
  }
  if (error.code === 'ERR_CONTEXT_OVERFLOW') lines.push(roomHint)
  return lines.join('\n')
}
