/** The native addon: found and loaded on first use. */
import { createRequire } from 'node:module'

import findBinary = require('node-gyp-build')

import type { Binding } from '../binding'
import { ownPackage, packageIn } from '../package-root'
import { notFound, notLoadable, stale } from './load-error'
import { thisMachine } from './machine'
import { builtBinary, prebuiltBinaries } from './prebuilt'
import { isStaleBuild } from './stale'
import { unpacked } from './unpacked'

/**
 * The binary for this machine of the package in `root`: what was built there, or else a prebuilt one.
 * @param shipped for the message: path by name of every binary that the package may have
 * @throws ERR_NATIVE_LOAD
 */
export function binaryOf(root: string, shipped: Readonly<Record<string, string>>): string {
  packageIn(root) // a folder of others' binaries is not searched
  let found: string
  try {
    found = findBinary.resolve(unpacked(root))
  } catch (cause) {
    throw notFound(root, thisMachine(), shipped, cause)
  }
  if (isStaleBuild(root, found)) throw stale(root, found)
  return unpacked(found)
}

/** Loads one file. @throws ERR_NATIVE_LOAD */
export function loadBinary(file: string): Binding {
  try {
    return createRequire(file)(file) as Binding // a require() in this place would be changed by bundlers
  } catch (cause) {
    throw notLoadable(file, thisMachine(), cause)
  }
}

let file: string | undefined
let loaded: Binding | undefined

/** The file that {@link native} loads. @throws ERR_NATIVE_LOAD */
export function addonPath(): string {
  file ??= binaryOf(ownPackage().root, { built: builtBinary(), ...prebuiltBinaries() })
  return file
}

/**
 * The native addon, loaded on first use.
 * @throws ERR_NATIVE_LOAD with what is the matter (details `problem`), and what to do about it
 */
export function native(): Binding {
  loaded ??= loadBinary(addonPath())
  return loaded
}
