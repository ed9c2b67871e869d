import { RagdraftError } from '../base/errors'
import type { Turn } from '../options/ask'
import type { Segment } from './segments'
import type { Message } from './template'

/** What comes around the source text of a prompt. */
export interface Conversation {
  readonly question: string
  /** The caller's system prompt. Default none: templates may print their own. */
  readonly system?: string | undefined
  /** Earlier questions and answers about the same text, oldest first. Default none. */
  readonly history?: readonly Turn[] | undefined
}

/**
 * The messages of a conversation about a source text. The text stands once, in the first user message, with the instruction before it
 * and the first question after it; later questions are messages of their own. So what comes before the text and the text itself are
 * the same for every question, and the prompt goes on from an earlier one.
 * @throws ERR_INVALID_ARGUMENT for an empty question.
 */
export function conversation(instruction: string, source: Segment, { question, system, history = [] }: Conversation): Message[] {
  if (question === '') throw new RagdraftError('ERR_INVALID_ARGUMENT', 'The question is empty.')
  const turns = history.flatMap((turn): Message[] => [
    { role: 'user', content: [{ untrusted: turn.question }] },
    { role: 'assistant', content: [{ untrusted: turn.answer }] },
  ])
  const [first, ...later]: Message[] = [...turns, { role: 'user', content: [{ untrusted: question }] }]
  const messages: Message[] = [{ role: 'user', content: [`${instruction}\n\n`, source, '\n\n', ...first!.content] }, ...later]
  return system ? [{ role: 'system', content: [{ untrusted: system }] }, ...messages] : messages
}
