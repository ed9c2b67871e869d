/** The built package in dist/, for tests of what its users run. */
import { spawnSync } from 'node:child_process'
import * as path from 'node:path'

export const root = path.resolve(__dirname, '..', '..')
export const tsc = require.resolve('typescript/bin/tsc')

/** Builds dist/ from lib/. scripts/test.cjs has done so before it runs all files: some of them run beside each other. */
export function buildDist(): void {
  if (process.env.RAGDRAFT_DIST_IS_BUILT) return
  const built = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`tsc failed:\n${built.stdout}`)
}
