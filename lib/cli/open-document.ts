/** What ask, chat and demo have in common: a model (and a drafter) in memory and a document read. */

import type { DocumentSession } from '../api/document-session'
import type { Model } from '../api/model'
import { loadDocument } from '../document/source'
import type { Invocation } from './command'
import { asUsageError, stringFlag } from './flags'
import type { ProgressView } from './progress'
import { loadOptionsFrom, openOptionsFrom, questionOptions } from './question-flags'
import { readStdin } from './stdin'

export interface Opened {
  readonly model: Model
  readonly document: DocumentSession
  close(): Promise<void>
}

export interface OpenSource {
  readonly modelPath: string
  /** "-" for standard input. */
  readonly file: string
}

/**
 * Whatever is wrong with flags, document or drafter shows here, before a model of gigabytes is loaded. The model's own head is the
 * first thing that is read of it; only who types the document should be told of a wrong path before.
 */
async function readText({ io, library, values }: Invocation, { modelPath, file }: OpenSource, signal: AbortSignal): Promise<string> {
  const drafter = stringFlag(values, 'drafter')
  if (drafter !== undefined) await library.inspectModel(drafter, { signal })
  if (file !== '-') return (await loadDocument({ path: file }, { signal })).text
  await library.inspectModel(modelPath, { signal })
  return (await loadDocument({ text: await readStdin(io.stdin, signal) })).text
}

/** Loads and reads under one signal; closes what it opened if a later step fails. */
export async function openDocument(
  invocation: Invocation,
  source: OpenSource | { readonly modelPath: string; readonly text: string },
  view: ProgressView,
  signal: AbortSignal,
): Promise<Opened> {
  const { library, values } = invocation
  const models: Model[] = []
  const close = async () => {
    for (const model of models) await model.close() // a model closes its documents
  }
  try {
    const [toLoad, toOpen] = [loadOptionsFrom(values), openOptionsFrom(values)]
    const text = 'text' in source ? source.text : await readText(invocation, source, signal)
    const drafterPath = stringFlag(values, 'drafter')
    const load = async (path: string, onProgress = view.update) => {
      const model = await library.loadModel(path, { ...toLoad, onProgress, signal })
      models.push(model)
      return model
    }
    const model = await load(source.modelPath)
    const drafter = drafterPath === undefined ? undefined : await load(drafterPath, view.named('Loading the drafter'))
    const document = await model.open({ text }, { ...toOpen, drafter, onProgress: view.update, signal })
    return { model, document, close }
  } catch (error) {
    await close()
    throw asUsageError(questionOptions, error)
  } finally {
    view.clear()
  }
}
