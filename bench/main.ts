/**
 * npm run bench -- engine [--json FILE] [--model GGUF] [--depth 0,4096,16384] [--rows 2,4,8,11,16] [--runs 5]
 *                         [--threads N] [--kv f16|bf16] [--no-peer]
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import { parseArgs } from 'node:util'
import { engineSuite } from './engine'
import { report, table } from './report'

const numbers = (text: string) => text.split(',').map(Number)

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      model: { type: 'string' },
      depth: { type: 'string', default: '0,4096,16384' },
      rows: { type: 'string', default: '2,4,8,11,16' },
      runs: { type: 'string', default: '5' },
      threads: { type: 'string', default: String(os.availableParallelism()) },
      kv: { type: 'string', default: 'f16' },
      'no-peer': { type: 'boolean', default: false },
    },
  })
  if (positionals[0] !== 'engine')
    throw new Error('usage: npm run bench -- engine [--json FILE] [--model GGUF] [--depth LIST] [--rows LIST] [--runs N]')
  if (values.kv !== 'f16' && values.kv !== 'bf16') throw new Error('--kv must be f16 or bf16')
  const rows = await engineSuite({
    ...(values.model === undefined ? {} : { model: values.model }),
    depths: numbers(values.depth),
    verifyRows: numbers(values.rows),
    runs: Number(values.runs),
    threads: Number(values.threads),
    kv: values.kv,
    peer: !values['no-peer'],
    log: (line) => process.stderr.write(`${line}\n`),
  })
  const result = report(rows)
  if (values.json) fs.writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`${result.machine.cpu}, ${result.machine.cores} cores, ${result.commit}\n${table(rows)}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
