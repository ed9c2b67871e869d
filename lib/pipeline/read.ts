/** Reads a document, once: text -> chunks -> index, text -> tokens -> the target's KV cache. */

import { RagdraftError } from '../base/errors'
import { inSlices } from '../base/steps'
import { type DocumentInput, loadDocument } from '../document/source'
import type { KvType, OpenSettings } from '../options/open'
import type { OnProgress } from '../options/progress'
import { buildDocumentPrefix } from '../prompt/target-prompt'
import type { Retriever } from '../retrieve/retriever'
import type { NativeSequence } from '../runtime/binding'
import { callSync } from '../runtime/call'
import { tokensAt } from '../tokenizer/tokens-at'
import { type DocumentIndex, indexDocument } from './index-document'
import type { LoadedModel } from './loaded-model'
import { prefill } from './prefill'

/** Tokens that a context of our choice leaves for a question and its answer. */
const questionTokens = 2048

/** A document in memory: everything that questions share. Without a sequence (`retrievalOnly`) only `rag` questions can be asked. */
export interface PreparedDocument extends DocumentIndex {
  readonly text: string
  /** Bound of the chunks' lengths. */
  readonly chunkTokens: number
  /** Tokens of the document alone. */
  readonly documentTokens: number
  /** Tokens of all that comes before a question (system message, instruction, document); 0 without a sequence. */
  readonly prefixTokens: number
  /** These tokens, the document's last; empty without a sequence. */
  readonly prefix: Int32Array
  /** Position in the prefix of each chunk's first token, then the end of the last; empty without a sequence. */
  readonly chunkStarts: Int32Array
  /** Tokens that prompt and answer may have together: the target's, without a sequence the draft model's. */
  readonly contextTokens: number
  readonly system: string | undefined
  /** Holds the prefix. Questions fork it; nothing is ever appended to it. Null with `retrievalOnly`. */
  readonly sequence: NativeSequence | null
  /** Time of the whole reading, and of its prefill alone, in ms. */
  readonly readMs: number
  readonly prefillMs: number
}

/** @param what "the document", for the message */
export function contextOverflow(what: string, promptTokens: number, contextTokens: number): RagdraftError {
  return new RagdraftError(
    'ERR_CONTEXT_OVERFLOW',
    `${what} needs ${promptTokens} tokens, which leaves no room for an answer in a context of ${contextTokens}`,
    { details: { promptTokens, contextTokens } },
  )
}

export interface ReadSettings extends Pick<OpenSettings, 'system' | 'chunkTokens' | 'retrievalOnly' | 'contextTokens'> {
  readonly kv: KvType
  readonly retriever: Retriever
  readonly onProgress: OnProgress | undefined
}

/** @param drafterContext the drafter's trained context in tokens: what counts where retrieval alone serves */
export async function readDocument(
  model: LoadedModel,
  drafterContext: number,
  input: DocumentInput,
  settings: ReadSettings,
  signal: AbortSignal,
): Promise<PreparedDocument> {
  const start = performance.now()
  const { binding, native, tokenizer, template } = model
  const { system, chunkTokens, kv, retrievalOnly, onProgress, retriever } = settings
  const { text } = await loadDocument(input, { signal })

  const tokens = await tokenizer.encodeAsync(text, {
    signal,
    onProgress: (processed, total) => onProgress?.({ phase: 'tokenize', processed, total }),
  })
  const prefix = retrievalOnly ? new Int32Array() : buildDocumentPrefix({ tokenizer, template, system, document: tokens })
  const contextTokens = retrievalOnly
    ? Math.min(drafterContext, settings.contextTokens ?? drafterContext)
    : (settings.contextTokens ?? Math.min(native.info.contextLength, prefix.length + questionTokens))
  if (prefix.length >= contextTokens) throw contextOverflow('the document', prefix.length, contextTokens)

  const index = await indexDocument(text, { maxTokens: chunkTokens, countTokens: (piece) => tokenizer.count(piece) }, retriever, {
    signal,
    onProgress: (processed) => onProgress?.({ phase: 'index', processed, total: text.length }),
  })
  signal.throwIfAborted()

  const places = [...index.chunks.map(({ start }) => start), text.length]
  const found = retrievalOnly ? new Int32Array() : await inSlices(tokensAt(text, tokens, places, tokenizer), { signal })
  const chunkStarts = found.map((token) => prefix.length - tokens.length + token)

  const sequence = retrievalOnly ? null : callSync(() => native.createSequence({ contextTokens, kv }))
  try {
    const prefillStart = performance.now()
    if (sequence) await prefill(binding, { sequence, tokens: prefix, phase: 'prefill-target', onProgress, signal })
    const end = performance.now()
    return {
      ...index,
      text,
      chunkTokens,
      documentTokens: tokens.length,
      prefixTokens: prefix.length,
      prefix,
      chunkStarts,
      contextTokens,
      system,
      sequence,
      readMs: end - start,
      prefillMs: sequence ? end - prefillStart : 0,
    }
  } catch (error) {
    sequence?.close()
    throw error
  }
}
