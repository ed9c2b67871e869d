// Packs this folder and what it is asked to say into an application with an asar archive, starts it, and ends with its status.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { packager } from '@electron/packager'

const here = import.meta.dirname
const work = mkdtempSync(path.join(tmpdir(), 'ragdraft-electron-'))
const app = path.join(work, 'app')
cpSync(here, app, { recursive: true, verbatimSymlinks: true })
cpSync(path.join(here, '..', 'platforms', 'answer.cjs'), path.join(app, 'platforms', 'answer.cjs'))
cpSync(path.join(here, '..', 'fixtures', 'stories260K.gguf'), path.join(app, 'fixtures', 'stories260K.gguf'))
try {
  const [folder] = await packager({
    dir: app,
    out: path.join(work, 'out'),
    name: 'ragdraft-test',
    asar: { unpackDir: '**/node_modules/{ragdraft,ragdraft-cuda}' },
    prune: true,
  })
  const program = {
    linux: 'ragdraft-test',
    win32: 'ragdraft-test.exe',
    darwin: 'ragdraft-test.app/Contents/MacOS/ragdraft-test',
  }[process.platform]
  // A runner's kernel may refuse user namespaces to the sandbox of a program outside /opt.
  const flags = process.platform === 'linux' ? ['--no-sandbox'] : []
  const { status, signal, error } = spawnSync(path.join(folder, program), flags, { stdio: 'inherit', timeout: 120_000 })
  if (error) throw error
  if (status !== 0) throw new Error(`the application ended with ${signal ?? status}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
