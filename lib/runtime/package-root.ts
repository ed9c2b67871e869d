/** Where the package lies: its binary, its assets and its version are found from there. */
import { readFileSync } from 'node:fs'
import * as path from 'node:path'
import { RagdraftError } from '../base/errors'

const remedy =
  'Keep ragdraft external: esbuild --external:ragdraft; webpack externals: { ragdraft: "commonjs ragdraft" }; Vite ssr: { external: ["ragdraft"] }; ' +
  'Rollup external: ["ragdraft"]; Next serverExternalPackages: ["ragdraft"]. Then ship node_modules/ragdraft, and the packages that it ' +
  'depends on, with the program.'

export interface Package {
  readonly root: string
  readonly version: string
  /** Where faults are reported: a URL. */
  readonly bugs: string
}

/** A program that carries a copy of this code, but not the files beside it. */
function bundled(what: string): RagdraftError {
  const message = `ragdraft was bundled into another program, or its folder is not complete: ${what}. ${remedy}`
  return new RagdraftError('ERR_NATIVE_LOAD', message, { details: { problem: 'bundled' } })
}

/** The package in the folder `root`. @throws ERR_NATIVE_LOAD (details `problem`: `bundled`) if it is not there */
export function packageIn(root: string): Package {
  const file = path.join(root, 'package.json')
  try {
    const { name, version, bugs } = JSON.parse(readFileSync(file, 'utf8')) as {
      name?: unknown
      version?: unknown
      bugs?: { url?: unknown }
    }
    if (name === 'ragdraft' && typeof version === 'string') return { root, version, bugs: String(bugs?.url ?? '') }
  } catch {
    throw bundled(`there is no package.json of its own in ${root}`)
  }
  throw bundled(`${file} belongs to another package`)
}

/** This copy of the package. @throws ERR_NATIVE_LOAD (details `problem`: `bundled`) */
export function ownPackage(): Package {
  if (typeof __dirname === 'undefined') throw bundled('its code was made an ES module, which does not know where it lies')
  return packageIn(path.resolve(__dirname, '..', '..'))
}
