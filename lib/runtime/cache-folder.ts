/** Where the user's caches lie. */
import * as path from 'node:path'

/** `ragdraft` in the user's cache folder: XDG_CACHE_HOME or ~/.cache, ~/Library/Caches, LOCALAPPDATA. undefined if none is known. */
export function userCacheFolder(): string | undefined {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  let caches: string | undefined
  if (process.platform === 'win32') caches = LOCALAPPDATA
  else if (process.platform === 'darwin') caches = HOME && path.join(HOME, 'Library', 'Caches')
  else caches = XDG_CACHE_HOME || (HOME && path.join(HOME, '.cache'))
  return caches ? path.resolve(caches, 'ragdraft') : undefined
}
