/** What machine a binary is for, by its first bytes: a loader only says that it does not like it. */
import { closeSync, openSync, readSync } from 'node:fs'

export interface BinaryKind {
  readonly platform: 'linux' | 'darwin' | 'win32'
  /** As `process.arch` names it, or the number in the file. */
  readonly arch: string
}

const elfMachines: Record<number, string> = {
  3: 'ia32',
  8: 'mips',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
}
const machMachines: Record<number, string> = { 16777223: 'x64', 16777228: 'arm64' }
const peMachines: Record<number, string> = { 332: 'ia32', 34404: 'x64', 43620: 'arm64' }
const nameOf = (machines: Record<number, string>, machine: number) => machines[machine] ?? `machine ${machine}`

/** The kind of the binary that starts with `head`; undefined for anything else. */
export function kindOf(head: Buffer): BinaryKind | undefined {
  if (head.length < 20) return undefined
  if (head.readUInt32BE(0) === 0x7f454c46) {
    return { platform: 'linux', arch: nameOf(elfMachines, head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)) }
  }
  if (head.readUInt32LE(0) === 0xfeedfacf) return { platform: 'darwin', arch: nameOf(machMachines, head.readUInt32LE(4)) }
  if (head.toString('latin1', 0, 2) === 'MZ' && head.length >= 64) {
    const at = head.readUInt32LE(60)
    if (at + 6 <= head.length && head.toString('latin1', at, at + 4) === 'PE\0\0')
      return { platform: 'win32', arch: nameOf(peMachines, head.readUInt16LE(at + 4)) }
  }
  return undefined
}

/** The kind of a file; undefined if it is no binary, or one for several machines. @throws what reading throws */
export function readKind(file: string): BinaryKind | undefined {
  const head = Buffer.alloc(4096)
  const descriptor = openSync(file, 'r')
  try {
    return kindOf(head.subarray(0, readSync(descriptor, head, 0, head.length, 0)))
  } finally {
    closeSync(descriptor)
  }
}
