import type { ModelDescription } from '../../api/inspect-model'
import type { Command } from '../command'
import { helpFlag, jsonFlag } from '../flags'
import { interruptSignal } from '../io'
import { sizeText } from '../size'
import { type Row, table } from '../table'

const count = (value: number) => value.toLocaleString('en')
/** Files hold it as a 32-bit float: 7 digits are meant. */
const shortest = (value: number) => String(Number(value.toPrecision(7)))

function describe(d: ModelDescription): string {
  const scaling = d.rope.scaling
  const special = Object.entries(d.tokenizer.special).map(([name, token]) => `${name} ${token.id} ${JSON.stringify(token.text)}`)
  const rows: Row[] = [
    ['file', `${d.path} (GGUF v${d.ggufVersion}, ${sizeText(d.fileBytes)})`],
    ['name', d.name],
    ['architecture', d.architecture],
    ['parameters', count(d.parameters)],
    ['layers', count(d.layers)],
    ['embedding', `${count(d.embedding)}, feed-forward ${count(d.feedForward)}`],
    ['attention', `${d.heads} heads of ${d.headDim}, ${d.kvHeads} for keys and values`],
    ['context', `${count(d.contextLength)} tokens`],
    [
      'rope',
      `theta ${shortest(d.rope.theta)}${scaling ? `, ${scaling.type} scaling${scaling.factor === undefined ? '' : ` by ${shortest(scaling.factor)}`}` : ''}`,
    ],
    ['quantisation', d.quantization.map((q) => `${q.type} ${sizeText(q.bytes)} in ${q.tensors}`).join(', ')],
    ['tokenizer', `${d.tokenizer.model}${d.tokenizer.pre ? ` (${d.tokenizer.pre})` : ''}, ${count(d.tokenizer.tokens)} tokens`],
    ['special tokens', special.join(', ') || 'none'],
    ['chat template', d.chatTemplate === undefined ? 'none: a plain prompt is used' : `${count(d.chatTemplate.length)} characters`],
  ]
  return `${table(rows, { indent: '' })}${d.chatTemplate === undefined ? '' : `\n${d.chatTemplate}\n`}`
}

export const inspect: Command = {
  name: 'inspect',
  operands: ['MODEL'],
  summary: 'Prints what a GGUF file holds, without loading the weights.',
  flags: [jsonFlag, helpFlag],
  async run({ io, out, library, values, positionals }) {
    const { signal, release } = interruptSignal(io)
    try {
      const description = await library.inspectModel(positionals[0]!, { signal })
      out(values.json ? `${JSON.stringify(description)}\n` : describe(description))
      return 0
    } finally {
      release()
    }
  },
}
