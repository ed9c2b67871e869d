/** A document and its model over the binding without native code: what tests of sessions start from. */
import type { Test } from 'tap'
import { loadModelWith } from '../../lib/api/load-model'
import type { OpenOptions } from '../../lib/api/model'
import type { AskOptions } from '../../lib/options/ask'
import { FakeBinding, fakeContents } from './fake-binding'

export const filler = Array.from({ length: 60 }, (_, i) => `Paragraph ${i} talks of wind number ${i * i} and the harbour at dawn.\n\n`)
export const needle = 'The keeper of the northern lighthouse hid the brass key under the seventh stair.'
export const text = `${filler.slice(0, 30).join('')}${needle}\n\n${filler.slice(30).join('')}`
export const question = 'The keeper of the northern lighthouse hid'
export const ask: AskOptions = { stop: '\n\n' }

export async function setup(
  t: Test,
  { files = { 'fake.gguf': fakeContents() }, open = {} as OpenOptions, preferredKv = 'f16' as 'f16' | 'bf16' } = {},
) {
  const binding = new FakeBinding(files)
  binding.kv = preferredKv
  const model = await loadModelWith(binding, 'fake.gguf')
  const doc = await model.open(text, { chunkTokens: 128, ...open })
  t.teardown(async () => {
    await model.close()
    // Every test shares this: closing the model leaves nothing behind.
    if (binding.sequences.size + binding.models.size > 0) throw new Error('a handle is left')
  })
  return { binding, model, doc }
}

export const decode = (tokens: number[] | null | undefined) => Buffer.from(byteText(tokens ?? [])).toString()

/** The fake's tokens are bytes in the order of byteTokens(): printable ones first. */
function byteText(tokens: number[]): number[] {
  const printable: number[] = []
  for (const [first, last] of [
    [0x21, 0x7e],
    [0xa1, 0xac],
    [0xae, 0xff],
  ] as const)
    for (let byte = first; byte <= last; byte++) printable.push(byte)
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable.includes(byte))
  return tokens.filter((id) => id < 256).map((id) => printable[id] ?? others[id - printable.length]!)
}
