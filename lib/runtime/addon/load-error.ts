/** What to say when there is no binary, or one that cannot be loaded: what is the matter, and what to do about it. */
import { existsSync } from 'node:fs'
import * as path from 'node:path'
import { RagdraftError } from '../../base/errors'
import { type BinaryKind, readKind } from './binary-kind'
import { type Machine, machineText } from './machine'
import { isInArchive } from './unpacked'

/** `details.problem` of an ERR_NATIVE_LOAD. */
export type LoadProblem =
  /** The package has binaries, but none for this platform. */
  | 'platform'
  /** A checkout without a binary: it was never built, or the build failed. */
  | 'not-built'
  /** A checkout whose binary was built from other sources. */
  | 'stale'
  /** Sources without binaries, and nobody has built one: lifecycle scripts were blocked, or do not come with the package. */
  | 'scripts-blocked'
  /** The file is no binary, or a part of one. */
  | 'damaged'
  /** The file is for another platform or architecture. */
  | 'architecture'
  /** The C library, or another library that the file needs, is older than it wants, or not there. */
  | 'libraries'
  /** The system does not let code be loaded from where the file lies. */
  | 'forbidden'
  /** It cannot be loaded for another reason, which the message quotes. */
  | 'loader'
  /** The file lies in an archive of Electron. */
  | 'asar'
  /** This code runs, but its package is not around it. */
  | 'bundled'

const build = '"npx ragdraft build" builds one here from the sources that come with the package (it needs CMake and a C++20 compiler)'

function loadError(problem: LoadProblem, message: string, details: Record<string, string>, cause: unknown): RagdraftError {
  return new RagdraftError('ERR_NATIVE_LOAD', message, { cause, details: { problem, ...details } })
}

const unpackAdvice =
  'The binary must lie beside the archive: electron-builder asarUnpack: ["**/node_modules/ragdraft/**", "**/node_modules/ragdraft-cuda/**"]; ' +
  'Electron Forge packagerConfig: { asar: { unpackDir: "**/node_modules/{ragdraft,ragdraft-cuda}" } }.'

/**
 * No binary was found.
 * @param shipped path by name of every binary that the package may have
 * @param cause what the search said
 */
export function notFound(root: string, machine: Machine, shipped: Readonly<Record<string, string>>, cause: unknown): RagdraftError {
  const { platform, arch, libc } = machine
  const here = machineText(machine)
  const details = { platform, arch, libc }
  if (isInArchive(root)) {
    return loadError(
      'asar',
      `ragdraft is packed in an archive (${root}) and there is no binary of it outside. ${unpackAdvice}`,
      details,
      cause,
    )
  }
  if (existsSync(path.join(root, 'lib', 'index.ts'))) {
    return existsSync(path.join(root, 'build', 'cmake'))
      ? loadError(
          'not-built',
          `this checkout of ragdraft (${root}) has no binary: its build failed or has not ended. "npm run build" builds it and says why not.`,
          details,
          cause,
        )
      : loadError(
          'scripts-blocked',
          `this checkout of ragdraft (${root}) was never built: "npm ci" builds it unless scripts are blocked (ignore-scripts). "npm run build" builds it.`,
          details,
          cause,
        )
  }
  const names = Object.entries(shipped).flatMap(([name, file]) => (existsSync(file) ? [name] : []))
  if (names.length === 0) {
    return loadError(
      'scripts-blocked',
      `this copy of ragdraft (${root}) has no binaries: it was installed from its sources, as a git dependency is, and none was built for ${here}; ` +
        `npm 12 and later block the scripts of dependencies. Install the published package, or build one: ${build}.`,
      details,
      cause,
    )
  }
  return loadError(
    'platform',
    `ragdraft has no binary for ${here}; this package has those for ${names.join(', ')}. ${build}.`,
    { ...details, available: names.join(',') },
    cause,
  )
}

/** A checkout whose C++ is not what its binary was built from. */
export function stale(root: string, file: string): RagdraftError {
  const message = `the sources of this checkout of ragdraft (${root}) are not those that its binary was built from. "npm run build" builds it.`
  return new RagdraftError('ERR_NATIVE_LOAD', message, { details: { problem: 'stale', file } })
}

const wordsOf = (cause: unknown) => String((cause as { message?: unknown } | null)?.message ?? cause)

function kindOfFile(file: string): BinaryKind | 'unreadable' | undefined {
  try {
    return readKind(file)
  } catch {
    return 'unreadable' // then the loader's words say why
  }
}

/** What is the matter with a binary that the loader refused, and what to do about it. */
function diagnose(file: string, { platform, arch }: Machine, words: string): [LoadProblem, string] {
  if (isInArchive(file)) return ['asar', unpackAdvice]
  const kind = kindOfFile(file)
  if (kind === undefined) return ['damaged', 'The file is damaged: install ragdraft again.']
  if (kind !== 'unreadable' && (kind.platform !== platform || kind.arch !== arch)) {
    const advice = `It is for ${kind.platform}-${kind.arch}: do not copy node_modules between machines; install ragdraft on this one.`
    return ['architecture', advice]
  }
  const version = /version [`'"]((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)['"] not found/.exec(words)?.[1]
  if (version !== undefined) return ['libraries', `It needs ${version} and this system is older: ${build}.`]
  if (/file too short|invalid ELF header|truncated|malformed|not a valid Win32/i.test(words))
    return ['damaged', 'The file is damaged: install ragdraft again.']
  if (/libc\.so\.6|ld-linux|libc\.musl|ld-musl|Error relocating/.test(words))
    return ['libraries', `It is for another C library. Where this system has musl and is not Alpine, set LIBC=musl; else ${build}.`]
  if (/failed to map segment|Operation not permitted|Permission denied|code signature|library load disallowed/i.test(words))
    return ['forbidden', 'The system lets no code be loaded from there: look at its mount options (noexec), permissions and signatures.']
  if (/cannot open shared object|image not found|Library not loaded|specified module could not be found/i.test(words))
    return ['libraries', `A library that it needs is not there: ${build}.`]
  return ['loader', `If nothing else helps, ${build}.`]
}

/** A binary was found, and the loader refused it; `cause` is its error. */
export function notLoadable(file: string, machine: Machine, cause: unknown): RagdraftError {
  const words = wordsOf(cause)
  const [problem, advice] = diagnose(file, machine, words)
  const message = `ragdraft's binary ${file} cannot be loaded on ${machineText(machine)}: ${words}. ${advice}`
  return loadError(problem, message, { file, platform: machine.platform, arch: machine.arch, libc: machine.libc }, cause)
}
