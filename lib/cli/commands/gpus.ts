import type { Gpu } from '../../api/list-gpus'
import type { Command } from '../command'
import { helpFlag, jsonFlag } from '../flags'
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
  summary: 'Tries the GPUs of this machine and lists them, or says why there is none.',
  flags: [jsonFlag, helpFlag],
  async run({ out, library, values }) {
    const list = await library.listGpus()
    if (values.json) out(`${JSON.stringify(list)}\n`)
    else out(list.gpus.length === 0 ? `none: ${list.reason}\n` : list.gpus.map(line).join(''))
    return 0
  },
}
