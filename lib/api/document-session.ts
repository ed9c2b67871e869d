import { whileListening } from '../base/listening'
import type { Chunk } from '../document/chunk'
import { type AskOptions, readAskOptions, readQuestion } from '../options/ask'
import type { KvType, OpenSettings } from '../options/open'
import { answerQuestion } from '../pipeline/answer-question'
import { assertDraftWeights } from '../pipeline/drafter'
import type { LoadedModel } from '../pipeline/loaded-model'
import type { PreparedDocument } from '../pipeline/read'
import { Scope } from '../runtime/scope'
import { Answer } from './answer'

/** What the document was opened with and questions need. */
type DocumentSettings = Pick<OpenSettings, 'draftWeights'> & { readonly kv: KvType }

/**
 * A document that a model has read, made by {@link Model.open}. Every question starts from the read document, so that it costs only
 * itself. Several questions may run at the same time. The document closes with its model, or with its `drafter`.
 */
export class DocumentSession {
  readonly #target: LoadedModel
  readonly #drafter: LoadedModel
  readonly #document: PreparedDocument
  readonly #settings: DocumentSettings
  readonly #scope: Scope

  /**
   * Takes over `document.sequence`, also when it throws.
   * @throws ERR_CLOSED if one of the models has been closed meanwhile
   * @internal
   */
  constructor(target: LoadedModel, drafter: LoadedModel, document: PreparedDocument, { kv, draftWeights }: DocumentSettings) {
    this.#target = target
    this.#drafter = drafter
    this.#document = document
    this.#settings = { kv, draftWeights }
    const owners = new Set([target.scope, drafter.scope])
    this.#scope = new Scope('document', () => {
      for (const owner of owners) owner.disown(this)
      document.sequence?.close()
    })
    try {
      for (const owner of owners) owner.assertOpen()
    } catch (error) {
      document.sequence?.close()
      throw error
    }
    for (const owner of owners) owner.adopt(this)
  }

  /** The text that all offsets refer to; they count UTF-16 code units, as JavaScript strings do. */
  get text(): string {
    return this.#document.text
  }

  /** The pieces that retrieval finds. They tile the text: each starts where the one before ends. */
  get chunks(): readonly Chunk[] {
    return this.#document.chunks
  }

  /** Tokens of the document alone. */
  get documentTokens(): number {
    return this.#document.documentTokens
  }

  /** Tokens in the cache before any question: the document and what the prompt says before it. 0 with `retrievalOnly`. */
  get promptTokens(): number {
    return this.#document.prefixTokens
  }

  /** Tokens that the target's prompt and the answer may have together; with `retrievalOnly` the drafter's prompt and the answer. */
  get contextTokens(): number {
    return this.#document.contextTokens
  }

  /** Number type of the KV caches of the document and its questions. */
  get kv(): KvType {
    return this.#settings.kv
  }

  /** Memory of the document's keys and values, in bytes; 0 once it is closed. */
  get kvBytes(): number {
    return this.closed ? 0 : (this.#document.sequence?.kvBytes ?? 0)
  }

  /** Time of the whole reading in ms: file, tokens, index and prefill. */
  get readMs(): number {
    return this.#document.readMs
  }

  /** Time of the prefill in ms, a part of {@link readMs}. */
  get prefillMs(): number {
    return this.#document.prefillMs
  }

  /** Whether `close()` was called, on this document or on one of its models. */
  get closed(): boolean {
    return this.#scope.closed
  }

  /**
   * Asks a question. The answer starts at once; take it as a promise, as a stream of text, or both. This function itself never throws:
   * the answer rejects with ERR_INVALID_ARGUMENT, ERR_CONTEXT_OVERFLOW (details `promptTokens` and `contextTokens`: question and history
   * leave no tokens for an answer), ERR_OUT_OF_MEMORY, ERR_DEVICE_FAILED, ERR_CHAT_TEMPLATE or ERR_CLOSED, with what a `retriever` or
   * `onProgress` throws, or with `signal.reason` on abort.
   *
   * @param question Must not be blank. It is plain text to the model, whatever it contains.
   * @param options How to answer; see {@link AskOptions}.
   *
   * @example
   * const { text, citations } = await doc.ask('Who signed the contract?', { maxTokens: 100 })
   * for (const { start, end } of citations) console.log(`quoted: ${doc.text.slice(start, end)}`)
   *
   * @example
   * const turns = [{ question: 'Who signed the contract?', answer: text }]
   * const next = await doc.ask('And when?', { history: turns, signal: AbortSignal.timeout(60_000) })
   */
  ask(question: string, options?: AskOptions): Answer {
    return new Answer(async (emit, cancelled) => {
      this.#scope.assertOpen()
      const words = readQuestion(question)
      const settings = readAskOptions(options, this.chunks.length, this.#document.sequence === null)
      const context = { target: this.#target, drafter: this.#drafter, document: this.#document, ...this.#settings }
      assertDraftWeights(this.#target, this.#drafter, settings.draftWeights ?? context.draftWeights)
      const signals = [settings.signal, cancelled]
      return this.#scope.run(signals, (owner) =>
        whileListening(settings.onProgress, [owner], (signal, onProgress) =>
          answerQuestion(context, words, { ...settings, onProgress }, emit, signal),
        ),
      )
    })
  }

  /** Cancels running questions, waits for them and frees the cache; may be called again. */
  close(): Promise<void> {
    return this.#scope.close()
  }

  /** Closes the document at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
