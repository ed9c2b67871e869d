import * as path from 'node:path'

import load = require('node-gyp-build')

import { RagdraftError } from '../errors'
import type { Binding } from './binding'

// In a packaged Electron app the files sit beside app.asar: dlopen cannot read inside the archive, and the addon looks for
// its CUDA module in its own directory.
const root = path.resolve(__dirname, '..', '..').replace(/([\\/]app)\.asar(?=[\\/])/, '$1.asar.unpacked')

let loaded: Binding | undefined

/** The file that {@link native} loads. */
export const addonPath = () => load.resolve(root)

/**
 * The native addon, loaded on first use.
 * @throws ERR_NATIVE_LOAD if no binary fits this machine, with what to do about it.
 */
export function native(): Binding {
  if (loaded) return loaded
  try {
    loaded = load(root) as Binding
    return loaded
  } catch (cause) {
    throw new RagdraftError(
      'ERR_NATIVE_LOAD',
      `ragdraft has no native binary for ${process.platform}-${process.arch} (Node ${process.version}). npm 12 and later block install scripts ` +
        'by default; to build from source run "npm install-scripts approve ragdraft && npm rebuild ragdraft" (CMake >= 3.18 and a C++20 compiler).',
      { cause },
    )
  }
}
