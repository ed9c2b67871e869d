/** Stable error codes: `error.code` of every {@link RagdraftError}. New ones may be added; none changes its meaning. */
export type ErrorCode =
  /** An argument or option of the wrong type or out of range, or a document that is no text. */
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_FILE_NOT_FOUND'
  | 'ERR_FILE_READ'
  | 'ERR_FILE_WRITE'
  /** The file is no GGUF model, or contradicts itself. */
  | 'ERR_INVALID_MODEL'
  /** A well-formed model of an architecture or number type that is not run. */
  | 'ERR_UNSUPPORTED_MODEL'
  | 'ERR_UNSUPPORTED_TOKENIZER'
  /** The model's chat template does not parse, fails, or garbles a message. */
  | 'ERR_CHAT_TEMPLATE'
  | 'ERR_OUT_OF_MEMORY'
  /** Too many tokens; details `promptTokens` and `contextTokens`. */
  | 'ERR_CONTEXT_OVERFLOW'
  /** Drafter and model do not speak the same tokens. */
  | 'ERR_VOCABULARY_MISMATCH'
  /** There is no such GPU, or it cannot be used: the message says why. */
  | 'ERR_DEVICE_UNAVAILABLE'
  /** The GPU or its driver reported an error while it computed; what is loaded on that device cannot be used any more. */
  | 'ERR_DEVICE_FAILED'
  /** The native binary, or another file of the package, is not there or cannot be loaded: the message says why, `details.problem` in a word. */
  | 'ERR_NATIVE_LOAD'
  /** Use after close(), or close() during use. */
  | 'ERR_CLOSED'
  /** A sequence serves another request. Never seen through documents, which fork. */
  | 'ERR_BUSY'
  /** A fault of the library or the model's numbers, not of the caller. */
  | 'ERR_INTERNAL'

/** Facts that belong to an error, for programs: `promptTokens` and `contextTokens` of an ERR_CONTEXT_OVERFLOW, for example. */
export type ErrorDetails = Readonly<Record<string, number | string>>

/** The one error class of the library. An aborted request rejects with `signal.reason` instead. */
export class RagdraftError extends Error {
  override readonly name = 'RagdraftError'
  /** What went wrong, for programs. */
  readonly code: ErrorCode
  /** Empty where the code needs none. */
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
