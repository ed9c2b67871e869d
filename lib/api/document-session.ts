import { whileListening } from '../base/listening'
import type { Chunk } from '../document/chunk'
import { type AskOptions, type KvType, type OpenSettings, readAskOptions, readQuestion } from '../options/options'
import { answerQuestion } from '../pipeline/answer-question'
import { assertDraftWeights } from '../pipeline/drafter'
import type { ModelParts } from '../pipeline/model-parts'
import type { Reading } from '../pipeline/read'
import { Scope } from '../runtime/scope'
import { Answer } from './answer'

/** What the document was opened with and questions need. */
type DocumentSettings = Pick<OpenSettings, 'draftWeights'> & { readonly kv: KvType }

/**
 * A document that a model has read. Made by `model.open()`; every question starts from the read document, so it costs only
 * itself. Questions may run at the same time. Closes with its model, or its drafter.
 */
export class DocumentSession {
  readonly #target: ModelParts
  readonly #drafter: ModelParts
  readonly #reading: Reading
  readonly #settings: DocumentSettings
  readonly #scope: Scope

  /**
   * Takes over `reading.sequence`, also when it throws.
   * @throws ERR_CLOSED if one of the models has been closed meanwhile
   * @internal
   */
  constructor(target: ModelParts, drafter: ModelParts, reading: Reading, { kv, draftWeights }: DocumentSettings) {
    this.#target = target
    this.#drafter = drafter
    this.#reading = reading
    this.#settings = { kv, draftWeights }
    const owners = new Set([target.scope, drafter.scope])
    this.#scope = new Scope('document', () => {
      for (const owner of owners) owner.disown(this)
      reading.sequence?.close()
    })
    try {
      for (const owner of owners) owner.assertOpen()
    } catch (error) {
      reading.sequence?.close()
      throw error
    }
    for (const owner of owners) owner.adopt(this)
  }

  /** The text that all offsets refer to, in UTF-16 code units. */
  get text(): string {
    return this.#reading.text
  }

  /** The pieces that retrieval finds: they tile the text. */
  get chunks(): readonly Chunk[] {
    return this.#reading.chunks
  }

  /** Tokens of the document alone. */
  get documentTokens(): number {
    return this.#reading.documentTokens
  }

  /** Tokens in the cache before any question: the document and what the prompt says before it. 0 with `retrievalOnly`. */
  get promptTokens(): number {
    return this.#reading.prefixTokens
  }

  /** Tokens that the target's prompt and the answer may have together; with `retrievalOnly` the drafter's prompt and the answer. */
  get contextTokens(): number {
    return this.#reading.contextTokens
  }

  /** Number type of the KV caches of the document and its questions. */
  get kv(): KvType {
    return this.#settings.kv
  }

  /** Memory of the document's keys and values, in bytes; 0 once it is closed. */
  get kvBytes(): number {
    return this.closed ? 0 : (this.#reading.sequence?.kvBytes ?? 0)
  }

  /** How long reading took: file, tokens, index and prefill, in ms. */
  get readMs(): number {
    return this.#reading.readMs
  }

  /** The prefill's part of {@link readMs}. */
  get prefillMs(): number {
    return this.#reading.prefillMs
  }

  /** close() was called, on this document or on one of its models. */
  get closed(): boolean {
    return this.#scope.closed
  }

  /**
   * Asks a question. The answer starts at once; take it as a promise, as a stream of text, or both.
   *
   * @param question not blank; always plain text to the model, whatever it contains
   *
   * Never throws: it rejects with ERR_INVALID_ARGUMENT, ERR_CONTEXT_OVERFLOW (details `promptTokens`, `contextTokens`: question and
   * history leave no room for an answer), ERR_OUT_OF_MEMORY, ERR_CHAT_TEMPLATE or ERR_CLOSED, or with `signal.reason` on abort.
   */
  ask(question: string, options?: AskOptions): Answer {
    return new Answer(async (emit, cancelled) => {
      this.#scope.assertOpen()
      const words = readQuestion(question)
      const settings = readAskOptions(options, this.chunks.length, this.#reading.sequence === null)
      const context = { target: this.#target, drafter: this.#drafter, reading: this.#reading, ...this.#settings }
      assertDraftWeights(this.#target, this.#drafter, settings.draftWeights ?? context.draftWeights)
      const signals = [settings.signal, cancelled]
      return this.#scope.run(signals, (owner) =>
        whileListening(settings.onProgress, [owner], (signal, onProgress) =>
          answerQuestion(context, words, { ...settings, onProgress }, emit, signal),
        ),
      )
    })
  }

  /** Cancels running questions, waits for them and frees the cache. Idempotent. */
  close(): Promise<void> {
    return this.#scope.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
