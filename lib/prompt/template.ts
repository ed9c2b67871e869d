import { types } from 'node:util'
import { RagdraftError } from '../base/errors'
import { type GgufMetadata, optionalString } from '../tokenizer/metadata'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { jinja } from './jinja'
import type { Segment, Untrusted } from './segments'
import { strftime } from './strftime'

/** One turn of a conversation. Strings in `content` are ours; everything else goes in as {@link Untrusted}. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: readonly Segment[]
}

/** Turns a conversation into a prompt that ends where the assistant's next answer begins. */
export interface ChatTemplate {
  /** Jinja source; null for the plain layout of a model without a template. */
  readonly source: string | null
  /**
   * The prompt in order, neighbouring strings joined. Every untrusted text of `messages` occurs exactly once.
   * @throws ERR_CHAT_TEMPLATE if the template fails, does not come to an end, or does not print each untrusted text exactly once.
   */
  render(messages: readonly Message[], tokenizer: Tokenizer): Segment[]
}

/** Settings of {@link chatTemplate}. */
export interface ChatTemplateOptions {
  /**
   * What `strftime_now` of the template sees, as UTC. Default 26 July 2024, the date that Llama 3.1 templates print: a prompt
   * depends on nothing but its inputs, and what was computed for a document stays valid the next day.
   */
  readonly date?: Date
}

const kDate = new Date(Date.UTC(2024, 6, 26, 12))

/** The template of a GGUF file (`tokenizer.chat_template`), the plain layout if it has none. @throws as {@link chatTemplate} */
export function chatTemplateOf(metadata: GgufMetadata, options?: ChatTemplateOptions): ChatTemplate {
  const source = optionalString(metadata, 'tokenizer.chat_template')
  return source === undefined || source.trim() === '' ? plainTemplate : chatTemplate(source, options)
}

/** For models without a template: the contents of all messages in order, a blank line between them, and nothing else. */
export const plainTemplate: ChatTemplate = Object.freeze({
  source: null,
  render: (messages: readonly Message[]): Segment[] =>
    joinStrings(messages.flatMap(({ content }, index) => (index === 0 ? content : ['\n\n', ...content]))),
})

/**
 * A Jinja chat template. Untrusted text never passes through it: the template sees a placeholder, and its output is cut there.
 * @throws ERR_CHAT_TEMPLATE if the source does not parse.
 */
export function chatTemplate(source: string, { date = kDate }: ChatTemplateOptions = {}): ChatTemplate {
  const template = guarded('does not parse', () => jinja(source))
  return Object.freeze({
    source,
    render(messages: readonly Message[], tokenizer: Tokenizer): Segment[] {
      const special = (id: number | null): string => (id === null ? '' : tokenizer.decode([id], { special: true }))
      const variables = { bos_token: special(tokenizer.bosToken), eos_token: special(tokenizer.eosToken) }
      const slots: Untrusted[] = []
      const stem = unusedStem([source, ...Object.values(variables), ...messages.flatMap(({ content }) => content.filter(isString))])
      const plain = messages.map(({ role, content }) => ({
        role,
        content: content.map((part) => (isString(part) ? part : `${stem}${slots.push(part) - 1}e`)).join(''),
      }))
      const rendered = guarded('failed', () =>
        template.render(
          { ...variables, messages: plain, add_generation_prompt: true, strftime_now: (format: string) => strftime(date, format) },
          plain.length,
        ),
      )
      return fillSlots(rendered, stem, slots)
    },
  })
}

/** Letters and digits only, which templates that trim, escape or quote leave alone; in none of the texts. */
function unusedStem(texts: readonly string[]): string {
  let stem = 'ragdraftslot'
  while (texts.some((text) => text.includes(stem))) stem += 'x'
  return `${stem}n`
}

function fillSlots(rendered: string, stem: string, slots: readonly Untrusted[]): Segment[] {
  const printed = new Set<number>()
  const segments: Segment[] = []
  let at = 0
  for (const match of rendered.matchAll(new RegExp(`${stem}(\\d+)e`, 'g'))) {
    const index = Number(match[1])
    const slot = slots[index]
    if (!slot || printed.has(index)) throw new RagdraftError('ERR_CHAT_TEMPLATE', 'The chat template prints a message twice.')
    printed.add(index)
    segments.push(rendered.slice(at, match.index), slot)
    at = match.index + match[0].length
  }
  if (printed.size < slots.length) {
    throw new RagdraftError('ERR_CHAT_TEMPLATE', 'The chat template leaves out a message or changes its text.')
  }
  return joinStrings([...segments, rendered.slice(at)])
}

/** Joins neighbouring strings and drops empty ones. */
function joinStrings(segments: readonly Segment[]): Segment[] {
  const joined: Segment[] = []
  for (const segment of segments) {
    const previous = joined.at(-1)
    if (segment === '') continue
    if (isString(segment) && previous !== undefined && isString(previous)) joined[joined.length - 1] = previous + segment
    else joined.push(segment)
  }
  return joined
}

const isString = (segment: Segment): segment is string => typeof segment === 'string'

function guarded<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof RagdraftError) throw cause
    throw new RagdraftError(
      'ERR_CHAT_TEMPLATE',
      `The model's chat template ${what}: ${types.isNativeError(cause) ? cause.message : cause}`,
      {
        cause,
      },
    )
  }
}
