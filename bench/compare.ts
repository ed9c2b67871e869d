/** Ours beside the peer's: the setting of the peer that counts, and how many times faster we are. */
import type { Row } from './report'

/** How the peer is set: it is compared by the better of the first two; its defaults are reported beside. */
export type PeerSetting = 'flash attention' | 'no flash attention' | 'defaults'

/** The peer cannot store values in 8 bits without flash attention. */
export function peerSettings(kv: string, defaults: boolean): PeerSetting[] {
  const settings: PeerSetting[] = kv === 'q8' ? ['flash attention'] : ['flash attention', 'no flash attention']
  return defaults ? [...settings, 'defaults'] : settings
}

/** The KV type that the peer is measured with beside ours: for bf16 its default, f16, of the same size. */
export const peerKvType = (kv: string): string => (kv === 'bf16' ? 'f16' : kv)

const keyOf = (r: Row) => [r.suite, r.model, r.metric, r.rows, r.depth, r.kv].join('\n')

/** Marks the faster of the peer's settings that count (not its defaults) in every group of rows that measure the same. */
export function markBestPeer(rows: readonly Row[]): Row[] {
  const compared = rows.filter((r) => r.engine === 'node-llama-cpp' && r.setting !== 'defaults')
  const fastest = new Map<string, Row>()
  for (const row of compared) if (row.ms < (fastest.get(keyOf(row))?.ms ?? Infinity)) fastest.set(keyOf(row), row)
  return rows.map((row) => (fastest.get(keyOf(row)) === row ? { ...row, best: true } : row))
}

/**
 * The peer's row that a row of ours is held against: the faster setting of the same measurement. An answer's is its plain decoding,
 * however we drafted.
 */
export function peerOf(ours: Row, rows: readonly Row[]): Row | undefined {
  const key = keyOf({ ...ours, kv: peerKvType(ours.kv), ...(ours.metric === 'answer' ? { rows: 1 } : {}) })
  return rows.find((r) => r.engine === 'node-llama-cpp' && r.best && keyOf(r) === key)
}

/** Marks the peer's better rows and adds to ours how many times longer the peer takes. */
export function compared(rows: readonly Row[]): Row[] {
  const marked = markBestPeer(rows)
  return marked.map((row) => {
    const peer = row.engine === 'ragdraft' ? peerOf(row, marked) : undefined
    return peer ? { ...row, peerRatio: peer.ms / row.ms } : row
  })
}
