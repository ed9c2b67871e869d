/** What a drafter with a cache of its own reads for one question: chunks, as many as budget and context allow, in a prompt of its own. */
import type { AskSettings } from '../options/ask'
import { buildDraftPrompt, joinChunks } from '../prompt/draft-prompt'
import type { SelectedChunk } from '../retrieve/select'
import type { LoadedModel } from './loaded-model'
import { contextOverflow, type PreparedDocument } from './read'
import type { RetrievedChunks } from './retrieve'

/** Where a drafter keeps keys and values. */
export type DraftCache =
  /** A sequence for prompt, answer and the drafts beyond it, within the drafter's context. */
  | { readonly kind: 'own'; readonly contextTokens: number }
  /** The target's: pairs of a first and an end position that it reads, and the position from which it reads everything. */
  | { readonly kind: 'shared'; readonly ranges: Int32Array; readonly tail: number }

/** What the drafter reads. */
export interface DraftContext {
  /** In document order. */
  readonly chunks: readonly SelectedChunk[]
  /** All that it reads before the answer: its own prompt, or the part of the target's that it reads in the target's cache. */
  readonly tokens: Int32Array
  readonly cache: DraftCache
}

/**
 * @param answerTokens what the answer may have at most
 * @throws ERR_CONTEXT_OVERFLOW if the caller's chunks, or not even one chunk, fit the drafter's context with the question;
 *   `signal.reason` on abort
 */
export async function draftContext(
  drafter: LoadedModel,
  document: PreparedDocument,
  retrieved: RetrievedChunks,
  question: string,
  settings: AskSettings,
  answerTokens: number,
  signal: AbortSignal,
): Promise<DraftContext> {
  const { tokenizer, template, native, binding } = drafter
  const draftSlack = binding.constants.maxDraftLength + 1 // a round drafts that many tokens and looks one further
  // Without the document in the target's context, the caller's contextTokens are the drafter's.
  const context = document.sequence ? native.info.contextLength : document.contextTokens
  const promptOf = async (chosen: readonly SelectedChunk[]): Promise<DraftContext> => {
    const texts = chosen.map(({ start, end }) => document.text.slice(start, end))
    const chunks = await tokenizer.encodeAsync(joinChunks(texts), { signal })
    const tokens = buildDraftPrompt({ tokenizer, template, system: document.system, question, history: settings.history, chunks })
    return { chunks: chosen, tokens, cache: { kind: 'own', contextTokens: Math.min(context, tokens.length + answerTokens + draftSlack) } }
  }
  // The whole answer fits; failing that the prompt: drafting then ends before the answer does.
  const limits = [context - answerTokens - draftSlack, context - draftSlack]

  if (retrieved.named) {
    const draft = await promptOf(retrieved.choose(Infinity))
    if (draft.tokens.length <= limits[1]!) return draft
    throw contextOverflow("the drafter's prompt", draft.tokens.length, context)
  }
  const shortest = document.chunks.reduce((least, { tokens }) => Math.min(least, tokens), Infinity)
  let least = shortest + draftSlack
  for (const limit of limits) {
    let budget = limit
    while (budget >= shortest) {
      const draft = await promptOf(retrieved.choose(budget))
      if (draft.tokens.length <= limit) return draft
      least = draft.tokens.length
      // What the prompt has beyond its chunks is known now: the next selection is that much smaller.
      const used = draft.chunks.reduce((sum, { tokens }) => sum + tokens, 0)
      budget = Math.min(budget, used) - Math.max(1, draft.tokens.length - limit)
    }
  }
  throw contextOverflow("the drafter's prompt", least, context)
}
