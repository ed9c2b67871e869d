/** The turns of a chat: asks, prints, and remembers what was answered. */

import { RagdraftError } from '../base/errors'
import type { Turn } from '../options/ask'
import type { AnswerResult } from '../pipeline/answer-result'
import type { Invocation } from './command'
import type { Opened } from './open-document'
import { progressView } from './progress'
import { askOptionsFrom } from './question-flags'
import { citationsText, statsText } from './report'

const isOverflow = (error: unknown) => error instanceof RagdraftError && error.code === 'ERR_CONTEXT_OVERFLOW'

export class Conversation {
  readonly #invocation: Invocation
  readonly #opened: Opened
  #history: readonly Turn[] = []

  constructor(invocation: Invocation, opened: Opened) {
    this.#invocation = invocation
    this.#opened = opened
  }

  /** Forgets all turns; the document stays read. */
  clear(): void {
    this.#history = []
  }

  /**
   * Prints the answer as it comes, then its citations and what it cost. Where the context is full, the oldest turns are left out, and
   * it says so. A question that fails, because it is too long even alone or was stopped, leaves the conversation as it was.
   */
  async ask(question: string, signal: AbortSignal): Promise<void> {
    const { out, err } = this.#invocation
    for (let left = 0; ; left++) {
      const history = this.#history.slice(left)
      try {
        const result = await this.#answer(question, history, signal)
        out('\n')
        if (left > 0)
          err(`(no room for ${left === 1 ? 'the oldest question' : `the ${left} oldest questions`} of the conversation: left out)\n`)
        err(`${citationsText(result)}${statsText(result, this.#opened, { followUp: true })}`)
        this.#history = [...history, { question, answer: result.text }]
        return
      } catch (error) {
        if (!isOverflow(error) || history.length === 0) throw error
      }
    }
  }

  async #answer(question: string, history: readonly Turn[], signal: AbortSignal): Promise<AnswerResult> {
    const { io, out, values } = this.#invocation
    const view = progressView(io.stderr)
    let begun = false
    try {
      const answer = this.#opened.document.ask(question, { ...askOptionsFrom(values), history, onProgress: view.update, signal })
      for await (const delta of answer) {
        view.clear()
        out(delta)
        begun = true
      }
      return await answer
    } catch (error) {
      if (begun) out('\n') // what is said of the error stands on a line of its own
      throw error
    } finally {
      view.clear()
    }
  }
}
