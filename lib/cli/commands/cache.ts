import { clearWeightsCache, listWeightsCache, weightsCacheFolder } from '../../runtime/weights-cache'
import type { Command } from '../command'
import { helpFlag, jsonFlag } from '../flags'
import { sizeText } from '../size'

export const cache: Command = {
  name: 'cache',
  operands: [],
  summary: 'Lists the packed weights that --cache-weights keeps, or deletes them.',
  flags: [{ name: 'clear', help: 'Delete them.' }, jsonFlag, helpFlag],
  async run({ out, values }) {
    const folder = weightsCacheFolder()
    if (values.clear) await clearWeightsCache(folder)
    const files = await listWeightsCache(folder)
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    if (values.json) {
      out(`${JSON.stringify({ folder, bytes, files })}\n`)
    } else {
      const lines = files.map((file) => `${sizeText(file.bytes).padStart(8)}  used ${file.lastUsed.toISOString()}  ${file.path}\n`)
      out(`${folder}: ${files.length === 0 ? 'nothing' : sizeText(bytes)}\n${lines.join('')}`)
    }
    return 0
  },
}
