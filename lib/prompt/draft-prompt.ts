import { RagdraftError } from '../base/errors'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { type Conversation, conversation } from './conversation'
import { concatTokens, encodeSegments } from './segments'
import type { ChatTemplate } from './template'

/** Input of {@link buildDraftPrompt}. */
export interface DraftPromptOptions extends Conversation {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** The retrieved chunks in document order: the tokens that `tokenizer.encode(joinChunks(texts))` gives. */
  readonly chunks: Int32Array
}

const kInstruction = 'Read the following excerpts retrieved from the text, then answer the question that comes after them.'

/** The text that the drafter reads in place of the document. */
export const joinChunks = (chunks: readonly string[]): string => chunks.join('\n\n')

/**
 * The prompt of the RAG drafter: the target's conversation with the retrieved chunks, a blank line between them, in place of the
 * document. Nothing of it is shared between questions, for each has its own chunks.
 * @throws ERR_INVALID_ARGUMENT without chunks or with an empty question.
 * @throws ERR_CHAT_TEMPLATE if the template fails.
 */
export function buildDraftPrompt({ tokenizer, template, chunks, ...turns }: DraftPromptOptions): Int32Array {
  if (chunks.length === 0) throw new RagdraftError('ERR_INVALID_ARGUMENT', 'The drafter needs at least one chunk.')
  const segments = template.render(conversation(kInstruction, { untrusted: chunks }, turns), tokenizer)
  return concatTokens(encodeSegments(segments, tokenizer, true))
}
