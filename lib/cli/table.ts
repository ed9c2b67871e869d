/** Text in columns. */

export type Row = readonly [name: string, value: string | undefined]

/** A line a row, the values below each other. Rows without a value are left out. */
export function table(rows: readonly Row[], { indent = '', gap = 2 } = {}): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + gap
  return rows.map(([name, value]) => (value === undefined ? '' : `${indent}${name.padEnd(width)}${value}\n`)).join('')
}

/** Breaks a text between words, so that no line is longer than `width` unless a word is; further lines begin with `indent` spaces. */
export function wrap(text: string, width: number, indent = 0): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const room = width - (lines.length > 0 ? indent : 0)
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`)
}
