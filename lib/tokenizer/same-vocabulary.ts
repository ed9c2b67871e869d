/** Whether two models speak the same tokens: a draft of one must mean the same to the other. */
import { RagdraftError } from '../base/errors'
import type { GgufContents } from '../runtime/binding'

/** GGUF's token type of rows that exist to round the vocabulary up. */
const unusedType = 5
const paddingName = /^(\[PAD\d*\]|<pad_\d+>|<\|?(unused|dummy|extra)_?\d+\|?>)$/i

/** The tokens of a model, without the padding at the end: models of one family round their vocabulary up differently. */
export function vocabularyOf({ metadata }: GgufContents): readonly string[] {
  const tokens = metadata['tokenizer.ggml.tokens']
  const types = metadata['tokenizer.ggml.token_type']
  if (!Array.isArray(tokens)) return []
  let length = tokens.length
  while (length > 0) {
    const isUnused = Array.isArray(types) && types[length - 1] === unusedType
    if (!isUnused && !paddingName.test(String(tokens[length - 1]))) break
    length--
  }
  return tokens.slice(0, length).map(String)
}

/** @throws ERR_VOCABULARY_MISMATCH with both sizes, and the first token that differs */
export function assertSameVocabulary(target: readonly string[], drafter: readonly string[]): void {
  if (target === drafter) return
  const common = Math.min(target.length, drafter.length)
  let id = 0
  while (id < common && target[id] === drafter[id]) id++
  if (id === target.length && id === drafter.length) return
  const where =
    id < common
      ? `token ${id} is ${JSON.stringify(target[id])} in the model and ${JSON.stringify(drafter[id])} in the drafter`
      : `the model has ${target.length} tokens, the drafter ${drafter.length}`
  throw new RagdraftError('ERR_VOCABULARY_MISMATCH', `the drafter must have the vocabulary of the model: ${where}`, {
    details: { targetTokens: target.length, drafterTokens: drafter.length, firstDifference: id },
  })
}
