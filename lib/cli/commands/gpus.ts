import type { Gpu } from '../../session/list-gpus'
import type { Command } from '../command'
import { sizeText } from '../size'

function line({ device, name, capability, totalBytes, freeBytes, problem }: Gpu): string {
  const facts = [
    name,
    capability && `compute capability ${capability}`,
    totalBytes > 0 && `${sizeText(freeBytes)} of ${sizeText(totalBytes)} free`,
  ]
  const known = [device, facts.filter(Boolean).join(', ')].filter(Boolean).join('  ')
  return `${known}${problem === undefined ? '' : `\n        cannot be used: ${problem}`}\n`
}

export const gpus: Command = {
  name: 'gpus',
  operands: [],
  summary: 'Try the GPUs of this machine and list them, or say why there is none.',
  flags: ['json', 'help'],
  async run({ io, library, values }) {
    const list = await library.listGpus()
    if (values.json) io.stdout.write(`${JSON.stringify(list)}\n`)
    else io.stdout.write(list.gpus.length === 0 ? `none: ${list.reason}\n` : list.gpus.map(line).join(''))
    return 0
  },
}
