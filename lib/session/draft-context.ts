/** What the drafter reads for one question: retrieved chunks, as many as the budget and its context allow, and its prompt. */
import type { AskSettings } from '../options'
import { buildDraftPrompt } from '../prompt/draft-prompt'
import { chunkBudget, type SelectedChunk, selectChunks } from '../retrieve/select'
import type { ModelParts } from './model-parts'
import { contextOverflow, type Reading } from './reading'

/** A round drafts up to 16 tokens and looks one further. */
const draftSlack = 17

export interface DraftContext {
  /** In document order. */
  readonly chunks: readonly SelectedChunk[]
  readonly tokens: Int32Array
  /** Size of the sequence: prompt, answer and the drafts beyond it, within the drafter's trained context. */
  readonly contextTokens: number
}

/** What the question's search finds, within `budgetTokens`. */
function retrieve(reading: Reading, question: string, { maxChunks }: AskSettings, budgetTokens: number): readonly SelectedChunk[] {
  const { chunks, documentTokens, chunkTokens, retriever } = reading
  const most = maxChunks ?? chunkBudget(documentTokens, chunkTokens)
  // More hits than wanted: one that is too long for the room is passed over for the next.
  const hits = retriever.search(question, 2 * most)
  return selectChunks({ chunks, hits, documentTokens, chunkTokens, maxChunks: most, budgetTokens }).chunks
}

/**
 * @param answerTokens what the answer may have at most
 * @throws ERR_CONTEXT_OVERFLOW if the caller's chunks, or not even one chunk, fit the drafter's context with the question
 */
export function draftContext(
  drafter: ModelParts,
  reading: Reading,
  question: string,
  settings: AskSettings,
  answerTokens: number,
): DraftContext {
  const { tokenizer, template, native } = drafter
  const trained = native.info.contextLength
  const promptOf = (chunks: readonly SelectedChunk[]): DraftContext => {
    const texts = chunks.map(({ start, end }) => reading.text.slice(start, end))
    const { tokens } = buildDraftPrompt({ tokenizer, template, system: reading.system, question, history: settings.history, chunks: texts })
    return { chunks, tokens, contextTokens: Math.min(trained, tokens.length + answerTokens + draftSlack) }
  }
  // With room for the whole answer; failing that for the prompt: drafting then ends before the answer does.
  const rooms = [trained - answerTokens - draftSlack, trained - draftSlack]

  if (settings.chunks) {
    const chosen = [...new Set(settings.chunks)].sort((a, b) => a - b)
    const context = promptOf(chosen.map((index) => ({ ...reading.chunks[index]!, score: 0 })))
    if (context.tokens.length <= rooms[1]!) return context
    throw contextOverflow("the drafter's prompt", context.tokens.length, trained)
  }
  const shortest = Math.min(...reading.chunks.map(({ tokens }) => tokens))
  let least = shortest + draftSlack
  for (const room of rooms) {
    let budget = room
    while (budget >= shortest) {
      const context = promptOf(retrieve(reading, question, settings, budget))
      if (context.tokens.length <= room) return context
      least = context.tokens.length
      // What the prompt has beyond its chunks is known now: the next selection leaves room for it.
      const used = context.chunks.reduce((sum, { tokens }) => sum + tokens, 0)
      budget = Math.min(budget, used) - Math.max(1, context.tokens.length - room)
    }
  }
  throw contextOverflow("the drafter's prompt", least, trained)
}
