'use strict'
// node scripts/picture.cjs [FILE]: runs the demo and draws what it printed, and the cited passage of the book, as docs/answer.svg.
// Progress and measured figures are left out, so that every machine draws the same picture; test/ts/docs/picture.test.ts compares.
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const root = path.resolve(__dirname, '..')

const columns = 96
const [charWidth, lineHeight, margin, bar] = [8.4, 21, 24, 36]
const colors = { plain: '#d0d7de', faint: '#8b949e', strong: '#ffffff', quote: '#ffd75e', prompt: '#7ee787', marked: '#54431a' }

/** Lines of segments [style, text] of at most `columns` characters; words are kept whole, later lines are indented. */
function wrapped(segments, indent = 0) {
  const words = segments.flatMap(([style, text]) => text.split(/(?<= )/).map((word) => [style, word]))
  const lines = [[]]
  let width = 0
  for (const [style, word] of words) {
    if (width + word.trimEnd().length > columns && width > indent) {
      lines.push([['plain', ' '.repeat(indent)]])
      width = indent
    }
    const last = lines.at(-1).at(-1)
    if (last?.[0] === style) last[1] += word
    else lines.at(-1).push([style, word])
    width += word.length
  }
  return lines
}

/** The demo's question, answer and citation as it prints them. */
function terminal() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'dist', 'cli', 'main.js'), 'demo'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the demo failed: ${stderr}`)
  const printed = stderr.replace(/^Answer: +/m, (label) => `${label}${stdout}`).split('\n')
  const progress = printed.filter((line) => /^\w+[^:]*: \d+ %/.test(line))
  const kept = printed.filter((line) => !progress.includes(line) || line === progress.at(-1))
  const end = kept.findIndex((line) => line.startsWith('  [')) + 1
  const citation = /\[(\d+), (\d+)\)/.exec(kept[end - 1])
  const lines = kept.slice(0, end).flatMap((line) => {
    const [, label, rest] = /^(Question: |Answer: +| {2}\[\d+, \d+\) {2}|)(.*)$/.exec(line)
    const style = label.startsWith('  [') || label.startsWith('Answer') ? 'quote' : label ? 'strong' : 'plain'
    return wrapped(
      [
        ['faint', label],
        [style, rest],
      ],
      label.length,
    )
  })
  return {
    lines: [
      [
        ['prompt', '$ '],
        ['strong', 'npx ragdraft demo'],
      ],
      ...lines,
    ],
    start: Number(citation[1]),
    end: Number(citation[2]),
  }
}

/** The lines of the book from the paragraph before [start, end) to the one behind it, with that span marked. */
function passage(start, end) {
  const { text } = require('../dist/demo').demoBook()
  const from = text.lastIndexOf('\n\n', text.lastIndexOf('\n\n', start) - 1) + 2
  const to = text.indexOf('\n\n', text.indexOf('\n\n', end) + 2)
  let at = from
  return text
    .slice(from, to)
    .split('\n')
    .flatMap((line) => {
      const [a, b] = [start - at, end - at].map((offset) => Math.min(Math.max(offset, 0), line.length))
      at += line.length + 1
      return wrapped([
        ['faint', line.slice(0, a)],
        ['marked', line.slice(a, b)],
        ['faint', line.slice(b)],
      ])
    })
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const fixed = (value) => String(Math.round(value * 10) / 10)

/** A window with a title; `y` is its upper edge. */
function panel(title, lines, y) {
  const width = columns * charWidth + 2 * margin
  const height = bar + lines.length * lineHeight + margin
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map((fill, i) => `<circle cx="${margin + 18 * i}" cy="${y + 18}" r="5.5" fill="${fill}"/>`)
  const texts = lines.flatMap((segments, row) => {
    const base = y + bar + 8 + (row + 0.7) * lineHeight
    let column = 0
    return segments.flatMap(([style, text]) => {
      const x = margin + column * charWidth
      column += text.length
      const shown = text.trimEnd()
      if (shown === '') return []
      const length = fixed(shown.length * charWidth)
      const mark = `<rect x="${fixed(x - 2)}" y="${fixed(base - 15)}" width="${fixed(shown.length * charWidth + 4)}" height="20" rx="3" fill="${colors.marked}"/>`
      const label = `<text x="${fixed(x)}" y="${fixed(base)}" fill="${style === 'marked' ? colors.quote : colors[style]}" textLength="${length}">${escaped(shown)}</text>`
      return style === 'marked' ? [mark, label] : [label]
    })
  })
  const frame = `<rect x="0.5" y="${y + 0.5}" width="${fixed(width - 1)}" height="${fixed(height - 1)}" rx="9" fill="#161b22" stroke="#484f58"/>`
  const name = `<text x="${fixed(width / 2)}" y="${y + 23}" fill="${colors.faint}" text-anchor="middle">${escaped(title)}</text>`
  return { height, body: [frame, ...dots, name, ...texts].join('\n') }
}

function picture() {
  const { lines, start, end } = terminal()
  const above = panel('the answer', lines, 0)
  const below = panel(`the document, characters ${start} to ${end} marked`, passage(start, end), above.height + 14)
  const [width, height] = [columns * charWidth + 2 * margin, above.height + 14 + below.height].map(fixed)
  const style =
    'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14" xml:space="preserve"'
  const title = `<title>The demo's answer, and the passage of the book that it cites</title>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${style}>\n${title}\n${above.body}\n${below.body}\n</svg>\n`
}

fs.writeFileSync(process.argv[2] ?? path.join(root, 'docs', 'answer.svg'), picture())
