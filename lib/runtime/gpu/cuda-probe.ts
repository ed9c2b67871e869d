/**
 * Starts a GPU driver for the first time in a process of its own, whose end is then the reason why there is no GPU: a broken driver may
 * crash a process or never return. The program is no Node: an Electron application would start itself a second time.
 */
import { type ExecFileException, execFile } from 'node:child_process'
import type { CudaReport } from '../binding'
import type { CudaFiles } from './cuda-files'

/** A cold start of several GPUs takes some seconds; a driver that needs longer than this would not be used gladly. */
const limitSeconds = 30

/** Why the program ended without a report, or never began. */
function causeOfDeath(error: ExecFileException, stderr: string): string {
  if (typeof error.code === 'string') return `no process can be started to try the GPU driver: ${error.message}`
  if (error.killed) return `the GPU driver did not answer within ${limitSeconds} s`
  if (error.signal) return `the GPU driver crashed the process that tried it (${error.signal})`
  const line = stderr.trim().split('\n').at(-1)
  return `the process that tried the GPU driver failed${line ? `: ${line}` : ''}`
}

/** The last line of the output; drivers may write to it too. */
function reportIn(stdout: string): CudaReport {
  const line = stdout.trimEnd().split('\n').at(-1)!
  try {
    const { devices, reason } = JSON.parse(line) as CudaReport
    return { devices, reason }
  } catch {
    return { devices: [], reason: `the process that tried the GPU driver gave no report, but ${JSON.stringify(line.slice(0, 100))}` }
  }
}

/** Tries the GPUs. Never rejects. */
export function probeGpus({ module, probe }: CudaFiles): Promise<CudaReport> {
  const options = { timeout: (limitSeconds + 1) * 1000, killSignal: 'SIGKILL', windowsHide: true } as const
  return new Promise((resolve) => {
    execFile(probe, [module, String(limitSeconds)], options, (error, stdout, stderr) => {
      resolve(error ? { devices: [], reason: causeOfDeath(error, stderr) } : { ...reportIn(stdout), module })
    })
  })
}
