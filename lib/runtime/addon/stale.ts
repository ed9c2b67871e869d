/** A checkout's binary that was built from other sources: a pull that changes C++ must not run on what was built before it. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'

interface Sources {
  isStale(root: string, binary: string): boolean
}

/** Whether `binary` is the one that the checkout in `root` builds, and was built from other sources than lie there now. */
export function isStaleBuild(root: string, binary: string): boolean {
  const built = ['Release', 'Debug'].some((configuration) => binary === path.join(root, 'build', configuration, 'ragdraft.node'))
  if (!built) return false // made by another build, a sanitized one for example
  const script = path.join(root, 'scripts', 'build', 'sources.cjs')
  if (!existsSync(path.join(root, '.git')) || !existsSync(script)) return false // an installed package: it is what it was published as
  return (createRequire(script)(script) as Sources).isStale(root, binary)
}
