/** A state file of node-llama-cpp repeated: the file's own bytes, and what the peer makes of it. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { Peer, peerMissing } from '../../../bench/peers/peer'
import { repeatState, stateFileVersion } from '../../../bench/peers/state-file'
import { randomModel, temporary, tiny } from '../../helpers/models'
import { randomTokens } from '../../helpers/native'

const words = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer)
const longs = (...values: number[]) => Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer)
const cells = (...positions: number[]) => words(...positions.flatMap((position) => [position, 1, 0]))
const head = (depth: number, ...tokens: number[]) => [words(0x67677371, 3, depth, ...tokens), words(1, depth)]

/** Two tokens, one layer: keys of 3 bytes a token, values by row (3 bytes) or by column (2 columns of 2 bytes). */
const states = {
  'values by row': [words(0, 1), words(1), longs(3), Buffer.from('k0.k1.'), words(1), longs(3), Buffer.from('v0.v1.')],
  'values by column': [words(1, 1), words(1), longs(3), Buffer.from('k0.k1.'), words(1, 2, 2), Buffer.from('a0a1'), Buffer.from('b0b1')],
}
const fiveDeep = {
  'values by row': [words(0, 1), words(1), longs(3), Buffer.from('k0.k1.k0.k1.k0.'), words(1), longs(3), Buffer.from('v0.v1.v0.v1.v0.')],
  'values by column': [
    words(1, 1),
    words(1),
    longs(3),
    Buffer.from('k0.k1.k0.k1.k0.'),
    words(1, 2, 2),
    Buffer.from('a0a1a0a1a0'),
    Buffer.from('b0b1b0b1b0'),
  ],
}

const stored = (bytes: Buffer): string => {
  const file = temporary('state')
  fs.writeFileSync(file, bytes)
  return file
}
const two = (layout: keyof typeof states) => Buffer.concat([...head(2, 7, 9), cells(0, 1), ...states[layout]])
const repeated = (bytes: Buffer, depth: number): Buffer => {
  const target = temporary('deeper')
  repeatState(stored(bytes), target, depth)
  return fs.readFileSync(target)
}

t.test('cells follow one another over and over, positions count on', (t) => {
  for (const layout of ['values by row', 'values by column'] as const) {
    t.same(repeated(two(layout), 2), two(layout), `${layout}: once is the file itself`)
    t.same(repeated(two(layout), 5), Buffer.concat([...head(5, 7, 9, 7, 9, 7), cells(0, 1, 2, 3, 4), ...fiveDeep[layout]]), layout)
  }
  t.equal(repeated(two('values by row'), 131072).length, 12 + 16 * 131072 + 8 + 8 + 24 + 6 * 131072, 'at any depth')
  t.end()
})

t.test('a file of another kind, a cut one and one with more behind it are refused', (t) => {
  const good = two('values by column')
  const with32 = (at: number, value: number) => {
    const bytes = Buffer.from(good)
    bytes.writeUInt32LE(value, at)
    return bytes
  }
  const refused = (bytes: Buffer, message: RegExp, depth = 5) => t.throws(() => repeated(bytes, depth), { message })
  refused(with32(0, 1), /magic is 1/)
  refused(with32(4, 4), /version is 4, not 3/)
  refused(with32(8, 0), /0 tokens/)
  refused(with32(20, 2), /streams is 2/)
  refused(with32(24, 3), /cells is 3, not 2/)
  refused(with32(28, 1), /position is 1, not 0/)
  refused(with32(32, 2), /sequences of a cell is 2/)
  refused(with32(52, 2), /transposed is 2/)
  refused(good.subarray(0, -1), /4 bytes wanted/)
  refused(Buffer.concat([good, Buffer.from('.')]), /1 bytes too many/)
  refused(good, /2 tokens cannot be repeated to 1/, 1)
  t.end()
})

t.test('the node-llama-cpp that is installed is the one whose files are known', (t) => {
  const wanted = JSON.parse(fs.readFileSync(path.resolve(__dirname, '..', '..', '..', 'bench', 'peers', 'package.json'), 'utf8'))
  t.equal(wanted.dependencies['node-llama-cpp'], stateFileVersion)
  t.end()
})

t.test('node-llama-cpp goes on from a repeated state', { skip: peerMissing() ?? false }, async (t) => {
  const modelPath = await randomModel('bench-state', { ...tiny, dtypes: { default: 'F16' } })
  const [base, depth] = [64, 200]
  const next: number[][] = []
  for (const [kv, flashAttention] of [
    ['F16', true],
    ['F16', false],
    ['BF16', false],
    ['Q8_0', true],
  ] as const) {
    const peer = await Peer.load({ modelPath, contextSize: 256, threads: 1, flashAttention, kv })
    const name = `${kv}, flash attention ${flashAttention}`
    await peer.append(randomTokens(base, 250))
    const before = await peer.step([5, 6, 7], 3)
    await peer.repeat(depth)
    next.push((await peer.step([5, 6, 7], 3)).top)
    await peer.truncate(base)
    t.same((await peer.step([5, 6, 7], 3)).top, before.top, `${name}: its beginning is what was read`)
    await peer.repeat(depth)
    t.same((await peer.step([5, 6, 7], 3)).top, next.at(-1), `${name}: repeated again, the same`)
    await peer.close()
  }
  t.same(next[1], next[0], 'values that lie by column continue as those that lie by row')
})
