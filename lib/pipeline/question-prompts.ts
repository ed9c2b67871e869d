/** Steps 1 to 3 of a question: the target's prompt, the chunks for it, and what the draft model reads. */
import type { AskSettings } from '../options/ask'
import { buildQuestionSuffix } from '../prompt/target-prompt'
import { type DraftContext, draftContext } from './draft-context'
import type { DrafterInfo } from './drafter'
import type { LoadedModel } from './loaded-model'
import { contextOverflow, type PreparedDocument } from './read'
import { retrieve } from './retrieve'
import { sharedContext } from './shared-draft-context'

/** What the models read for a question; null where the mode does not use one. */
export interface QuestionPrompts {
  /** The target's, after the document, which is in its cache. */
  readonly suffix: Int32Array | null
  readonly draft: DraftContext | null
  /** What the self-drafter reads, where it may take turns with another draft model. */
  readonly selfDraft: DraftContext | null
  /** Tokens of the target's whole prompt. */
  readonly promptTokens: number
}

export interface PromptContext {
  readonly target: LoadedModel
  readonly drafter: LoadedModel
  readonly document: PreparedDocument
}

/**
 * @param drafters who drafts, and the self-drafter that may take turns with it
 * @throws ERR_CONTEXT_OVERFLOW, ERR_CHAT_TEMPLATE, what the retriever throws; `signal.reason` on abort
 */
export async function buildPrompts(
  { target, drafter, document }: PromptContext,
  question: string,
  settings: AskSettings,
  drafters: { readonly main: DrafterInfo; readonly self: DrafterInfo | null },
  signal: AbortSignal,
): Promise<QuestionPrompts> {
  const { tokenizer, template, binding } = target
  const { mode, history, maxTokens } = settings
  if (mode === 'rag') {
    const retrieved = await retrieve(document, question, settings, signal)
    const answerTokens = Math.min(maxTokens, drafter.native.info.contextLength)
    const draft = await draftContext(drafter, document, retrieved, question, settings, answerTokens, signal)
    return { suffix: null, draft, selfDraft: null, promptTokens: 0 }
  }
  const suffix = buildQuestionSuffix({ tokenizer, template, system: document.system, question, history })
  const promptTokens = document.prefixTokens + suffix.length
  if (promptTokens >= document.contextTokens) throw contextOverflow('the document with this question', promptTokens, document.contextTokens)
  if (mode === 'plain') return { suffix, draft: null, selfDraft: null, promptTokens }

  const retrieved = await retrieve(document, question, settings, signal)
  const inTargetsCache = () => sharedContext(document, retrieved, suffix, binding.constants.pageTokens)
  if (drafters.main.cache === 'shared') return { suffix, draft: inTargetsCache(), selfDraft: null, promptTokens }
  const selfDraft = drafters.self ? inTargetsCache() : null
  const answerTokens = Math.min(maxTokens, document.contextTokens - promptTokens)
  const draft = await draftContext(drafter, document, retrieved, question, settings, answerTokens, signal)
  return { suffix, draft, selfDraft, promptTokens }
}
