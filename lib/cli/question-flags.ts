/** What a command takes that asks a document of the user's own, and the options that it means. */
import { type AskOptions, askOptions, readAskOptions } from '../options/ask'
import { loadOptions, readLoadOptions } from '../options/load'
import { openOptions } from '../options/open'
import { type InferOptions, readOptions } from '../options/schema'
import { checked, type Flag, flagsOf, optionsFrom, stringFlag, type Values } from './flags'
import { UsageError } from './io'

/** In the order of the help. */
export const questionFlags: readonly Flag[] = [
  { name: 'model', placeholder: 'FILE', help: 'GGUF file of the model that answers. Required.' },
  { name: 'drafter', placeholder: 'FILE', help: 'GGUF file of a draft model. Default: the model drafts for itself.' },
  ...flagsOf(askOptions),
  ...flagsOf(openOptions),
  ...flagsOf(loadOptions),
]

/** The options that flags of a question may name. */
export const questionOptions = { ...askOptions, ...openOptions, ...loadOptions }

/** @throws UsageError without --model */
export function modelPath(values: Values): string {
  const path = stringFlag(values, 'model')
  if (path === undefined || path === '') throw new UsageError('--model FILE is missing: the GGUF file of a model')
  return path
}

/** Options of ask(), checked here already: reading a long document comes first, and its time would be lost. */
export function askOptionsFrom(values: Values): AskOptions {
  const options = optionsFrom(askOptions, values)
  checked(askOptions, () => readAskOptions(options, 1))
  return options
}

/** Options of loadModel(), checked; with a draft model there is nothing for the model to keep a copy for. */
export function loadOptionsFrom(values: Values): InferOptions<typeof loadOptions> {
  const options = optionsFrom(loadOptions, values)
  checked(loadOptions, () => readLoadOptions(options))
  if (values.drafter !== undefined && options.draftCopy) {
    throw new UsageError('--draft-copy is of no use with --drafter, which drafts instead')
  }
  return options
}

/** Options of open(), checked as far as they can be before the model is known. */
export function openOptionsFrom(values: Values): InferOptions<typeof openOptions> {
  const options = { ...optionsFrom(openOptions, values), retrievalOnly: values.mode === 'rag' } // every question will be one
  checked(openOptions, () => readOptions('open()', options, openOptions))
  if (values.drafter !== undefined && options.draftWeights === 'q4') {
    throw new UsageError('--draft-weights must not be "q4" with --drafter, which drafts with all of its weights')
  }
  return options
}
