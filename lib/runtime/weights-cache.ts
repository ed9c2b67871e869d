/** The folder of packed weights, seen from outside: where it lies, what is in it, how to empty it. Native code writes it. */
import { readdir, rm, stat } from 'node:fs/promises'
import * as path from 'node:path'
import { RagdraftError } from '../base/errors'
import { userCacheFolder } from './cache-folder'

/** @throws ERR_INVALID_ARGUMENT where the environment names no cache folder */
export function weightsCacheFolder(): string {
  const caches = userCacheFolder()
  if (caches) return path.join(caches, 'weights')
  throw new RagdraftError('ERR_INVALID_ARGUMENT', 'weightsCache must be a path here: the environment names no cache folder of the user', {
    details: { argument: 'weightsCache' },
  })
}

/** Packed weights of one model on one kind of processor. */
export interface CachedWeights {
  readonly path: string
  readonly bytes: number
  readonly lastUsed: Date
}

// Names that native/io/packed_weights/weights_store.h gives; everything else in the folder is not ours to touch. The key may be in use.
const weights = /^[0-9a-f]{16}\.weights$/
const disposable = /^[0-9a-f]{16}\.(weights|source)(\.[0-9a-f]{16}\.part)?$/

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new RagdraftError('ERR_FILE_READ', `cannot read '${folder}'`, { cause: error })
  }
}

/** The weights in the folder, the ones used last first. @throws ERR_FILE_READ */
export async function listWeightsCache(folder = weightsCacheFolder()): Promise<CachedWeights[]> {
  const list: CachedWeights[] = []
  for (const name of await namesIn(folder)) {
    if (!weights.test(name)) continue
    const file = path.join(folder, name)
    const found = await stat(file).catch(() => undefined) // another process may have tidied up
    if (found) list.push({ path: file, bytes: found.size, lastUsed: found.mtime })
  }
  return list.sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime())
}

/** Deletes all of them. Models that are in memory keep what they use. @throws ERR_FILE_READ, ERR_FILE_WRITE */
export async function clearWeightsCache(folder = weightsCacheFolder()): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!disposable.test(name)) continue
    await rm(path.join(folder, name), { force: true }).catch((cause) => {
      throw new RagdraftError('ERR_FILE_WRITE', `cannot delete '${path.join(folder, name)}'`, { cause })
    })
  }
}
