/** Archives of Electron applications: a file inside cannot be loaded or run, its copy beside the archive can. */
import { existsSync } from 'node:fs'

const insideArchive = /\.asar(?=[\\/])/

/** Whether the path leads into an archive, whatever that is called: `app.asar`, `app-arm64.asar`, `core.asar`. */
export const isInArchive = (file: string) => insideArchive.test(file)

/** The same file beside its archive, in `NAME.asar.unpacked`, if it lies there; else `file` itself. */
export function unpacked(file: string): string {
  const beside = file.replace(insideArchive, '.asar.unpacked')
  return beside !== file && existsSync(beside) ? beside : file
}
