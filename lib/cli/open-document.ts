/** What ask, chat and demo have in common: a model (and a drafter) in memory and a document read. */
import type { DocumentInput } from '../document/source'
import type { LoadModelOptions } from '../options'
import type { DocumentSession } from '../session/document-session'
import type { Model } from '../session/model'
import type { Invocation } from './command'
import { asUsageError, loadOptions, openOptions, stringFlag } from './flags'
import { UsageError } from './io'
import type { ProgressView } from './progress'
import { readStdin } from './stdin'

export interface Opened {
  readonly model: Model
  readonly document: DocumentSession
  close(): Promise<void>
}

export interface OpenSource {
  readonly modelPath: string
  readonly input: DocumentInput
}

/** @throws UsageError without --model */
export function modelPath({ values }: Invocation): string {
  const path = stringFlag(values, 'model')
  if (path === undefined || path === '') throw new UsageError('--model FILE is missing')
  return path
}

/** FILE of the command line: a path, or "-" for standard input. */
export async function documentInput({ io }: Invocation, file: string, signal: AbortSignal): Promise<DocumentInput> {
  return file === '-' ? { text: await readStdin(io.stdin, signal) } : { path: file }
}

/** Loads and reads under one signal; closes what it opened if a later step fails. */
export async function openDocument(invocation: Invocation, source: OpenSource, view: ProgressView, signal: AbortSignal): Promise<Opened> {
  const { library, values } = invocation
  const models: Model[] = []
  const close = async () => {
    for (const model of models) await model.close() // a model closes its documents
  }
  const load = async (path: string, options: LoadModelOptions) => {
    const model = await library.loadModel(path, { ...options, onProgress: view.update, signal })
    models.push(model)
    return model
  }
  try {
    const drafterPath = stringFlag(values, 'drafter')
    const options = loadOptions(values)
    if (drafterPath !== undefined && options.draftCopy)
      throw new UsageError('--draft-copy is of no use beside --drafter, which drafts instead')
    const model = await load(source.modelPath, options)
    const drafter = drafterPath === undefined ? undefined : await load(drafterPath, options)
    const document = await model.open(source.input, { ...openOptions(values), drafter, onProgress: view.update, signal })
    return { model, document, close }
  } catch (error) {
    await close()
    throw asUsageError(error)
  } finally {
    view.clear()
  }
}
