/** Reports as tables of documents. What a document quotes stands between markers and is written by `npm run bench -- report`. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { peerOf } from './compare'
import { distinct, type Report, type Row } from './report'

/** Lines of cells, the first the header, as a table of Markdown. */
export function markdownTable([header, ...lines]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replace(/\|/g, '\\|')).join(' | ')} |`
  return [line(header!), `|${'---|'.repeat(header!.length)}`, ...lines.map(line)].join('\n')
}

/**
 * The passes of a model: a line for decoding, one for all verify passes and one for prefill at each depth; for every KV type ours and,
 * where it was measured, the peer's better setting and how many times faster we are.
 */
export function passes({ rows }: Report, model: string, kvs: readonly string[]): string[][] {
  const ours = rows.filter((r) => r.suite === 'engine' && r.engine === 'ragdraft' && r.model === model && kvs.includes(r.kv))
  if (ours.length === 0) throw new Error(`no passes of ${model} with ${kvs.join(', ')} KV in the report`)
  const withPeer = kvs.filter((kv) => ours.some((r) => r.kv === kv && peerOf(r, rows)))
  const header = kvs.flatMap((kv) => [`ragdraft, ${kv}`, ...(withPeer.includes(kv) ? ['node-llama-cpp', 'ratio'] : [])])
  const lines = distinct(ours, groupOf).map((group) => {
    const inGroup = ours.filter((r) => groupOf(r) === group)
    const counts = distinct(inGroup, (r) => r.rows)
    const cells = kvs.flatMap((kv) => {
      const measured = counts.map((count) => inGroup.find((r) => r.kv === kv && r.rows === count))
      const peers = measured.map((r) => r && peerOf(r, rows))
      const ratios = measured.map((r, i) => (r && peers[i] ? (peers[i].ms / r.ms).toFixed(2) : '-')).join(' / ')
      return [times(measured), ...(withPeer.includes(kv) ? [times(peers), ratios] : [])]
    })
    return [nameOf(inGroup[0]!, counts), ...cells]
  })
  return [['pass', ...header], ...lines]
}

const groupOf = (r: Row) => `${r.metric} ${r.depth}`

function nameOf({ metric, depth }: Row, counts: readonly number[]): string {
  const what = { decode: 'decode', verify: `verify ${counts.join(' / ')} rows`, prefill: `prefill of ${counts[0]} tokens` }[
    metric as string
  ]
  return `${what}, ${depth === 0 ? 'empty context' : `behind ${depth.toLocaleString('en')} tokens`}`
}

/** "49.0 ms", "56 / 70 ms"; of prefill tokens/s. */
function times(measured: readonly (Row | undefined)[]): string {
  if (measured.every((r) => r === undefined)) return '-'
  if (measured[0]?.metric === 'prefill') return `${((measured[0].rows * 1000) / measured[0].ms).toFixed(0)} tokens/s`
  return `${measured.map((r) => (r ? r.ms.toFixed(measured.length > 1 ? 0 : 1) : '-')).join(' / ')} ms`
}

const block = /<!-- bench (\S+) (\S+)((?: \S+)*) -->\n[\s\S]*?<!-- end -->/g

/**
 * The text with every block `<!-- bench FILE VIEW ARGUMENTS --> ... <!-- end -->` holding what the report says.
 * @param folder of the reports. @param views by name: a report and the block's arguments to lines of cells
 */
export function refreshed(text: string, folder: string, views: Readonly<Record<string, View>>): string {
  return text.replace(block, (_, file: string, name: string, rest: string) => {
    const view = views[name]
    if (!view) throw new Error(`no view ${name}: ${Object.keys(views).join(', ')}`)
    const report = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')) as Report
    const args = rest.trim() === '' ? [] : rest.trim().split(' ')
    return `<!-- bench ${file} ${name}${rest} -->\n${markdownTable(view(report, args))}\n<!-- end -->`
  })
}

export type View = (report: Report, args: readonly string[]) => string[][]
