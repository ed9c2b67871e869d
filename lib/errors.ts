/** Stable error codes: `error.code` of every {@link RagdraftError}. New ones may be added; none changes its meaning. */
export type ErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_FILE_NOT_FOUND'
  | 'ERR_FILE_READ'
  | 'ERR_FILE_WRITE'
  | 'ERR_INVALID_MODEL'
  | 'ERR_UNSUPPORTED_MODEL'
  | 'ERR_UNSUPPORTED_TOKENIZER'
  | 'ERR_CHAT_TEMPLATE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_CONTEXT_OVERFLOW'
  | 'ERR_VOCABULARY_MISMATCH'
  | 'ERR_DEVICE_UNAVAILABLE'
  | 'ERR_NATIVE_LOAD'
  | 'ERR_CLOSED'
  | 'ERR_BUSY'
  | 'ERR_INTERNAL'

/** Facts that belong to an error, for programs: `promptTokens` and `contextTokens` of an ERR_CONTEXT_OVERFLOW, for example. */
export type ErrorDetails = Readonly<Record<string, number | string>>

/** The one error class of the library. An aborted request rejects with `signal.reason` instead. */
export class RagdraftError extends Error {
  override readonly name = 'RagdraftError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
