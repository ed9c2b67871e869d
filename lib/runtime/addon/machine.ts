/** The machine that a binary must fit. */

export interface Machine {
  /** `process.platform` and `process.arch`. */
  readonly platform: string
  readonly arch: string
  /** "glibc 2.36" or "musl"; empty off Linux, or where the runtime does not say. */
  readonly libc: string
}

/** The C library of this process, from Node's own report. It is slow (tens of ms): for messages. */
function libc(): string {
  if (process.platform !== 'linux') return ''
  try {
    const { report } = process
    Object.assign(report, { excludeNetwork: true }) // else it asks the name server for each open connection
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
    return header.glibcVersionRuntime === undefined ? 'musl' : `glibc ${header.glibcVersionRuntime}`
  } catch {
    return '' // a runtime without reports
  }
}

export const thisMachine = (): Machine => ({ platform: process.platform, arch: process.arch, libc: libc() })

/** "linux-x64 (glibc 2.36, Node v20.20.2)" */
export function machineText({ platform, arch, libc }: Machine): string {
  const runtime = process.versions.electron ? `Electron ${process.versions.electron}` : `Node ${process.version}`
  return `${platform}-${arch} (${[libc, runtime].filter(Boolean).join(', ')})`
}
