import { RagdraftError } from '../base/errors'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { type Conversation, conversation } from './conversation'
import { concatTokens, encodeSegments, type Segment, type Untrusted } from './segments'
import type { ChatTemplate } from './template'

/** What a document's prompts have in common. */
export interface DocumentPrompt {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** The caller's system prompt; part of the prefix. Default none. */
  readonly system?: string | undefined
}

const kInstruction = 'Read the following text, then answer the question that comes after it.'

/**
 * The part of the target's prompt that no question changes: BOS, what the template prints first, the instruction, the document.
 * @param document its tokens, as `tokenizer.encode` gives them
 * @throws ERR_INVALID_ARGUMENT for an empty document, or tokens that `encode` cannot have given.
 * @throws ERR_CHAT_TEMPLATE if the template fails.
 */
export function buildDocumentPrefix({ document, ...prompt }: DocumentPrompt & { readonly document: Int32Array }): Int32Array {
  const { tokenizer } = prompt
  if (document.length === 0) throw new RagdraftError('ERR_INVALID_ARGUMENT', 'The document is empty.')
  if (document.some((token) => tokenizer.isControl(token))) {
    throw new RagdraftError('ERR_INVALID_ARGUMENT', 'The document has control tokens: its tokens must come from encode().')
  }
  // Any question gives the same prefix; buildQuestionSuffix makes sure of it.
  const { before } = layout(prompt, { question: '?' })
  return concatTokens(encodeSegments([...before, { untrusted: document }], tokenizer, true))
}

/**
 * The part after the document: the question, after the earlier ones and their answers, and what the template prints before an answer.
 * In the plain layout it ends with exactly `tokenizer.encode(question)`.
 * @throws ERR_INVALID_ARGUMENT for an empty question.
 * @throws ERR_CHAT_TEMPLATE if the template fails, or prints something else before the document than without this question.
 */
export function buildQuestionSuffix({ question, history, ...prompt }: DocumentPrompt & Omit<Conversation, 'system'>): Int32Array {
  const { before, after } = layout(prompt, { question, history })
  if (!sameSegments(before, layout(prompt, { question: '?' }).before)) {
    throw new RagdraftError('ERR_CHAT_TEMPLATE', 'What the chat template prints before the document depends on the conversation after it.')
  }
  return concatTokens(encodeSegments(after, prompt.tokenizer, false))
}

/** The rendered prompt around the document. */
function layout(
  { tokenizer, template, system }: DocumentPrompt,
  turns: Omit<Conversation, 'system'>,
): { before: Segment[]; after: Segment[] } {
  const document: Untrusted = { untrusted: '' }
  const segments = template.render(conversation(kInstruction, document, { ...turns, system }), tokenizer)
  const at = segments.indexOf(document)
  return { before: segments.slice(0, at), after: segments.slice(at + 1) }
}

function sameSegments(a: readonly Segment[], b: readonly Segment[]): boolean {
  const text = (segment: Segment): string => JSON.stringify(typeof segment === 'string' ? segment : [segment.untrusted])
  return a.length === b.length && a.every((segment, index) => text(segment) === text(b[index]!))
}
