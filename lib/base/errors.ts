/**
 * Stable error codes, `error.code` of every {@link RagdraftError}. New ones may be added; none changes its meaning.
 *
 * - `ERR_INVALID_ARGUMENT`: an argument or option has a wrong type or is out of range (`details.argument` is its name), or a document is
 *   no text.
 * - `ERR_FILE_NOT_FOUND`, `ERR_FILE_READ`, `ERR_FILE_WRITE`: there is no such file, or it cannot be read or written.
 * - `ERR_INVALID_MODEL`: the file is no GGUF model, or contradicts itself.
 * - `ERR_UNSUPPORTED_MODEL`: a well-formed model of an architecture or number type that cannot be run.
 * - `ERR_UNSUPPORTED_TOKENIZER`: the model's tokenizer is of another kind than byte-level BPE and SentencePiece.
 * - `ERR_CHAT_TEMPLATE`: the model's chat template does not parse, fails, or garbles a message.
 * - `ERR_OUT_OF_MEMORY`: the memory of the machine or the GPU does not suffice.
 * - `ERR_CONTEXT_OVERFLOW`: a prompt has too many tokens; details `promptTokens` and `contextTokens`.
 * - `ERR_VOCABULARY_MISMATCH`: the draft model and the model do not have the same tokens.
 * - `ERR_DEVICE_UNAVAILABLE`: there is no such GPU, or it cannot be used; the message says why.
 * - `ERR_DEVICE_FAILED`: the GPU or its driver reported an error while it computed; what is loaded on that GPU cannot be used any more.
 * - `ERR_NATIVE_LOAD`: the native binary, or another file of the package, is missing or cannot be loaded; the message says why,
 *   `details.problem` in a word.
 * - `ERR_CLOSED`: use after `close()`, or `close()` during use.
 * - `ERR_BUSY`: a native sequence serves another request. Documents fork their sequences, so that users of the library never see it.
 * - `ERR_INTERNAL`: a fault of the library, or numbers of a model that make no sense.
 */
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
  | 'ERR_DEVICE_FAILED'
  | 'ERR_NATIVE_LOAD'
  | 'ERR_CLOSED'
  | 'ERR_BUSY'
  | 'ERR_INTERNAL'

/** Facts about an error for programs, such as `promptTokens` and `contextTokens` of an ERR_CONTEXT_OVERFLOW. */
export type ErrorDetails = Readonly<Record<string, number | string>>

/**
 * The one error class of the library. An aborted request rejects with `signal.reason` instead.
 *
 * @example
 * try {
 *   await model.open({ path: 'book.txt' })
 * } catch (error) {
 *   if (!(error instanceof RagdraftError) || error.code !== 'ERR_CONTEXT_OVERFLOW') throw error
 *   console.error(`the book has ${error.details.promptTokens} tokens, the context ${error.details.contextTokens}`)
 * }
 */
export class RagdraftError extends Error {
  /** Name of the class, for messages. */
  override readonly name = 'RagdraftError'
  /** What went wrong, for programs; the message is for people. */
  readonly code: ErrorCode
  /** Facts for programs; empty where the code has none. */
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
