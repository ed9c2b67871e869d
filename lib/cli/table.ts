/** Text in columns. */

export type Row = readonly [name: string, value: string | undefined]

/**
 * A line a row, the values below each other. Rows without a value are left out.
 * @param options.width of a line: longer values go on below themselves. Default: lines are not broken.
 */
export function table(rows: readonly Row[], { indent = '  ', width = Number.POSITIVE_INFINITY } = {}): string {
  const column = Math.max(0, ...rows.map(([name]) => name.length)) + 2
  const below = `\n${' '.repeat(indent.length + column)}`
  const line = ([name, value]: Row) =>
    value === undefined ? '' : `${indent}${name.padEnd(column)}${wrap(value, width - indent.length - column).replaceAll('\n', below)}\n`
  return rows.map(line).join('')
}

/** Breaks a text between words, so that no line is longer than `width` unless a word is. */
export function wrap(text: string, width: number): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}
