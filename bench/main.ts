/** npm run bench -- SUITE [options]: see `usage` in cli.ts. */
import { bench } from './cli'

bench(
  process.argv.slice(2),
  (text) => process.stdout.write(text),
  (line) => process.stderr.write(`${line}\n`),
).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
