/** What the drafter reads for one question: retrieved chunks, as many as the budget and its context allow, and its prompt. */
import type { AskSettings } from '../options'
import { buildDraftPrompt, joinChunks } from '../prompt/draft-prompt'
import { chunkBudget, type SelectedChunk, selectChunks } from '../retrieve/select'
import { inSlices } from '../steps'
import type { ModelParts } from './model-parts'
import { contextOverflow, type Reading } from './reading'

/** A round drafts up to 16 tokens and looks one further. */
const draftSlack = 17

export interface DraftContext {
  /** In document order. */
  readonly chunks: readonly SelectedChunk[]
  readonly tokens: Int32Array
  /** Size of the sequence: prompt, answer and the drafts beyond it, within the drafter's context. */
  readonly contextTokens: number
}

/** Searches once; the function then chooses among what was found, within a budget of tokens. */
async function retrieve(reading: Reading, question: string, { maxChunks }: AskSettings, signal: AbortSignal) {
  const { chunks, documentTokens, chunkTokens, retriever } = reading
  const most = maxChunks ?? chunkBudget(documentTokens, chunkTokens)
  // More hits than wanted: one that is too long for the room is passed over for the next.
  const hits = await inSlices(retriever.search(question, 2 * most), { signal })
  return (budgetTokens: number): readonly SelectedChunk[] =>
    selectChunks({ chunks, hits, documentTokens, chunkTokens, maxChunks: most, budgetTokens }).chunks
}

/**
 * @param answerTokens what the answer may have at most
 * @throws ERR_CONTEXT_OVERFLOW if the caller's chunks, or not even one chunk, fit the drafter's context with the question;
 *   `signal.reason` on abort
 */
export async function draftContext(
  drafter: ModelParts,
  reading: Reading,
  question: string,
  settings: AskSettings,
  answerTokens: number,
  signal: AbortSignal,
): Promise<DraftContext> {
  const { tokenizer, template, native } = drafter
  // Without the document in the target's context, the caller's contextTokens are the drafter's.
  const context = reading.sequence ? native.info.contextLength : reading.contextTokens
  const promptOf = async (chosen: readonly SelectedChunk[]): Promise<DraftContext> => {
    const texts = chosen.map(({ start, end }) => reading.text.slice(start, end))
    const chunks = await tokenizer.encodeAsync(joinChunks(texts), { signal })
    const { tokens } = buildDraftPrompt({ tokenizer, template, system: reading.system, question, history: settings.history, chunks })
    return { chunks: chosen, tokens, contextTokens: Math.min(context, tokens.length + answerTokens + draftSlack) }
  }
  // With room for the whole answer; failing that for the prompt: drafting then ends before the answer does.
  const rooms = [context - answerTokens - draftSlack, context - draftSlack]

  if (settings.chunks) {
    const chosen = [...new Set(settings.chunks)].sort((a, b) => a - b)
    const draft = await promptOf(chosen.map((index) => ({ ...reading.chunks[index]!, score: 0 })))
    if (draft.tokens.length <= rooms[1]!) return draft
    throw contextOverflow("the drafter's prompt", draft.tokens.length, context)
  }
  const select = await retrieve(reading, question, settings, signal)
  const shortest = reading.chunks.reduce((least, { tokens }) => Math.min(least, tokens), Infinity)
  let least = shortest + draftSlack
  for (const room of rooms) {
    let budget = room
    while (budget >= shortest) {
      const draft = await promptOf(select(budget))
      if (draft.tokens.length <= room) return draft
      least = draft.tokens.length
      // What the prompt has beyond its chunks is known now: the next selection leaves room for it.
      const used = draft.chunks.reduce((sum, { tokens }) => sum + tokens, 0)
      budget = Math.min(budget, used) - Math.max(1, draft.tokens.length - room)
    }
  }
  throw contextOverflow("the drafter's prompt", least, context)
}
