#!/usr/bin/env node
import { inspectModel } from '../api/inspect-model'
import { listGpus } from '../api/list-gpus'
import { loadModel } from '../api/load-model'
/** The process around the command line: streams, signals, the exit code. */
import { demoBook, ensureDemoModel } from '../demo'
import { exitCodes, run } from './run'

const interruptListeners = new Set<() => void>()
let recent: number[] = [] // times of the last interrupts, ms

process.on('SIGINT', () => {
  // Each listener stops its work and cleans up. If that takes too long for the user, the third Ctrl-C of a second does not wait.
  recent = [...recent.filter((time) => performance.now() - time < 1000), performance.now()]
  if (interruptListeners.size === 0 || recent.length > 2) process.exit(exitCodes.interrupted)
  for (const listener of [...interruptListeners]) listener()
})

// The reader of our output has gone (`ragdraft ... | head`): nobody is left to answer.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failure)
  })
}

const io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  onInterrupt(listener: () => void) {
    interruptListeners.add(listener)
    return () => void interruptListeners.delete(listener)
  },
}

// The exit code is set, not forced: what is still in the pipes gets out, and an open handle would show as a process that stays.
void run(process.argv.slice(2), io, { loadModel, inspectModel, listGpus, ensureDemoModel, demoBook }).then((code) => {
  process.exitCode = code
})
