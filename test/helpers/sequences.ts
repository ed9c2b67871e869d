/** Caches that hold a prompt, for tests of whole models. */

import type { KvType } from '../../lib/options/open'
import type { GenerateRequest, NativeModel, NativeSequence } from '../../lib/runtime/binding'
import { tiny } from './models'
import { prefill, randomTokens } from './native'

export interface SequenceKind {
  readonly kv?: KvType
  readonly precision?: 'full' | 'draft'
}

/** What a target reads, and what a drafter reads of it. */
export const prompt: readonly number[] = randomTokens(300, tiny.vocab, 3)
export const excerpt: readonly number[] = [...prompt.slice(0, 20), ...prompt.slice(150)]

/** A cache of these tokens, with room for an answer. */
export async function filled(
  model: NativeModel,
  tokens: readonly number[],
  { kv = 'f16', precision = 'full' }: SequenceKind = {},
): Promise<NativeSequence> {
  const sequence = model.createSequence({ contextTokens: tokens.length + 200, kv, precision })
  await prefill(sequence, tokens)
  return sequence
}

/** A cache of all but the last token, which {@link pending} hands to the request. */
export const primed = (model: NativeModel, tokens: readonly number[], kind?: SequenceKind) => filled(model, tokens.slice(0, -1), kind)

export const pending = (tokens: readonly number[]): Int32Array => Int32Array.of(tokens.at(-1)!)

/** Two caches that were primed with these tokens, as a request takes them. */
export function pair(
  target: NativeSequence,
  drafter: NativeSequence,
  targetTokens: readonly number[] = prompt,
  drafterTokens: readonly number[] = excerpt,
): Pick<GenerateRequest, 'target' | 'targetPending' | 'draftModel' | 'draftPending'> {
  return { target, targetPending: pending(targetTokens), draftModel: drafter, draftPending: pending(drafterTokens) }
}

/** Fingerprint of a fresh, chunked prefill. */
export async function freshPrint(model: NativeModel, tokens: readonly number[], kind?: SequenceKind): Promise<string> {
  const sequence = await filled(model, tokens, kind)
  const print = sequence.fingerprint()
  sequence.close()
  return print
}
