/** How {@link Tokenizer.encodeTemplate} treats the start of its text. */
export interface TemplateOptions {
  /**
   * The text goes on where plain text ended: a SentencePiece model must not see an added space before it. Default false.
   * Byte-level BPE ignores this.
   */
  readonly continues?: boolean
}

/** Options of {@link Tokenizer.encodeAsync}. */
export interface EncodeAsyncOptions {
  /** Stops the encoding; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /** Called between slices with the UTF-16 code units done and in all; last with both equal. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Options of {@link Tokenizer.decode}. */
export interface DecodeOptions {
  /** Write control tokens by their names ("<|eot_id|>") instead of leaving them out. Default false. */
  readonly special?: boolean
}

/**
 * Text <-> token ids of one model. Immutable but for its caches; never does I/O.
 *
 * Three kinds of tokens matter here. *Text* tokens stand for bytes. *Control* tokens (BOS, <|eot_id|>, and everything that is
 * spelled like a marker, such as <tool_call> or [PAD7]) steer the model: only `encodeTemplate` yields them. *User-defined*
 * tokens are literal strings that are text to the model; both ways of encoding find them.
 *
 * Lone surrogates are read as U+FFFD. No Unicode normalisation takes place: a GGUF does not carry it, and offsets stay true.
 */
export interface Tokenizer {
  /** "gpt2" (byte-level BPE) or "llama" (SentencePiece). */
  readonly model: string
  /** Name of the pre-tokenizer: "llama-bpe", "qwen2", ...; "default" if the file names none. */
  readonly pre: string
  /** Tokens, ids 0 to vocabSize - 1. */
  readonly vocabSize: number
  /** Begins a text; null if the model has none. */
  readonly bosToken: number | null
  /** Ends a text; null if the model has none. */
  readonly eosToken: number | null
  /** Tokens that end an answer, ascending: EOS, EOT, EOM of the metadata and control tokens with a well-known name. */
  readonly stopTokens: readonly number[]
  /** A prompt begins with `bosToken`. False if there is none. */
  readonly addBos: boolean
  /** The model was trained with `eosToken` after each text. Prompts leave it out: an answer follows. */
  readonly addEos: boolean
  /** SentencePiece only: `encode` puts a space before its text, `decode` and TextStream take one off again. */
  readonly addSpacePrefix: boolean

  /**
   * Plain text: never a control token, whatever it contains; neither BOS nor EOS. With `addSpacePrefix` a non-empty text is
   * encoded as if it began with one more space, as those models were trained. `decode(encode(text)) === text`.
   */
  encode(text: string): Int32Array
  /** The same ids, computed in slices of some milliseconds with the event loop free in between. Rejects with `signal.reason`. */
  encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<Int32Array>
  /** Text of a chat template: control tokens are recognised by their names. Never for text that somebody else wrote. */
  encodeTemplate(text: string, options?: TemplateOptions): Int32Array
  /** Number of tokens of `encode(text)`. */
  count(text: string): number
  /**
   * Text of the tokens; bytes that are not UTF-8 become U+FFFD. Control tokens are left out.
   * @throws ERR_INVALID_ARGUMENT for an id outside of the vocabulary.
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string
  /**
   * Bytes that the token stands for; empty for control tokens. Shared: do not write to it.
   * @throws ERR_INVALID_ARGUMENT for an id outside of the vocabulary.
   */
  tokenBytes(id: number): Uint8Array
  /**
   * Whether only `encodeTemplate` may yield this token.
   * @throws ERR_INVALID_ARGUMENT for an id outside of the vocabulary.
   */
  isControl(id: number): boolean
}
