/** The GGUF file of the demo's model, made on first use. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { RagdraftError } from '../base/errors'
import { userCacheFolder } from '../runtime/cache-folder'
import { writeGguf } from './gguf/write'
import { buildDemoModel, type DemoModelOptions, resolveDemoOptions } from './model'

/** Part of the file's name: raise it when the generator's output changes, so that nobody runs a cached file of the old one. */
const generatorVersion = 1

/** Options of {@link ensureDemoModel}. */
export interface EnsureDemoModelOptions {
  /**
   * Folder of the file, created if absent. Default: `ragdraft` in the user's cache folder (XDG_CACHE_HOME or ~/.cache,
   * ~/Library/Caches, LOCALAPPDATA), or in the system's temporary folder where that cannot be written.
   */
  readonly directory?: string
  /** Another model than the default one, for tests. */
  readonly model?: DemoModelOptions
}

/**
 * The path of the demo model's GGUF file, written on first use (12 MB, a fraction of a second). Safe to call from several
 * processes at once: the file appears complete or not at all.
 * @throws ERR_FILE_WRITE if no folder can be written; ERR_INVALID_ARGUMENT for model options that cannot be built; ERR_NATIVE_LOAD in a bundle without the package.
 */
export async function ensureDemoModel(options: EnsureDemoModelOptions = {}): Promise<string> {
  const model = resolveDemoOptions(options.model)
  const hash = createHash('sha256')
    .update(JSON.stringify([generatorVersion, model]))
    .digest('hex')
    .slice(0, 12)
  const file = path.join(await firstWritable(options.directory ? [options.directory] : defaultFolders()), `ragdraft-demo-${hash}.gguf`)
  if (await isReadable(file)) return file
  try {
    await writeGguf(file, buildDemoModel(model), { flush: true })
  } catch (error) {
    // Windows does not replace a file that another process has just written and opened: theirs is as good.
    if (!(await isReadable(file))) throw error
  }
  return file
}

function defaultFolders(): string[] {
  const caches = userCacheFolder()
  // The temporary folder is shared between users, and a folder of one is closed to the others.
  const temporary = path.join(os.tmpdir(), `ragdraft-${process.getuid?.() ?? 'cache'}`)
  return caches ? [caches, temporary] : [temporary]
}

async function firstWritable(folders: readonly string[]): Promise<string> {
  const failures: unknown[] = []
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true })
      await access(folder, constants.W_OK)
      return folder
    } catch (error) {
      failures.push(error)
    }
  }
  throw new RagdraftError('ERR_FILE_WRITE', `no folder for the demo model can be written: ${folders.join(', ')}`, { cause: failures[0] })
}

const isReadable = (file: string): Promise<boolean> =>
  access(file, constants.R_OK).then(
    () => true,
    () => false,
  )
