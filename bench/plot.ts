/** Small multiples of grouped horizontal bars as SVG: panels of groups, a group's bars one under the other, each with its number. */

export interface Bar {
  /** Which of the legend's colours. */
  readonly series: string
  readonly value: number
}

export interface Group {
  readonly label: string
  readonly bars: readonly Bar[]
}

export interface Panel {
  readonly title: string
  readonly groups: readonly Group[]
}

export interface Chart {
  readonly title: string
  /** Of all bars, and which way is better: "ms (lower is better)". */
  readonly unit: string
  readonly panels: readonly Panel[]
}

// Told apart also by those who see no red or green (Okabe and Ito).
const colors = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00']
const character = 6.3 // width of one, about
const layout = { columns: 2, width: 440, gap: 24, margin: 20, number: 52, bar: 13, between: 7, title: 24, head: 88 } as const

/** @param subtitle a line below the title: machine and commit */
export function svgChart(chart: Chart, subtitle: string): string {
  const { columns, width, gap, margin, head } = layout
  const series = [...new Set(chart.panels.flatMap((p) => p.groups.flatMap((g) => g.bars.map((b) => b.series))))]
  const longest = Math.max(0, ...chart.panels.flatMap((p) => p.groups.map((g) => g.label.length)))
  const parts: string[] = []
  let y = head
  for (let first = 0; first < chart.panels.length; first += columns) {
    const line = chart.panels.slice(first, first + columns)
    line.forEach((panel, i) => {
      parts.push(drawPanel(panel, series, margin + i * (width + gap), y, longest * character + 10))
    })
    y += Math.max(...line.map(panelHeight)) + gap
  }
  const total = 2 * margin + columns * width + (columns - 1) * gap
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${y}" viewBox="0 0 ${total} ${y}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(chart.title)}</title>`,
    `<rect width="${total}" height="${y}" fill="#fff"/>`,
    text(margin, 22, chart.title, 'font-size="15" font-weight="bold"'),
    text(margin, 38, subtitle, 'fill="#666"'),
    text(margin, 55, chart.unit, 'fill="#666"'),
    ...legend(series, margin, 64),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

const panelHeight = ({ groups }: Panel): number =>
  layout.title + groups.reduce((sum, { bars }) => sum + bars.length * layout.bar + layout.between, 0)

function drawPanel(panel: Panel, series: readonly string[], x: number, top: number, label: number): string {
  const { width, number, bar, between, title } = layout
  const largest = Math.max(...panel.groups.flatMap((g) => g.bars.map((b) => b.value)))
  const scale = largest > 0 ? (width - label - number) / largest : 0
  const parts = [text(x, top + 12, panel.title, 'font-weight="bold"')]
  let y = top + title
  for (const { label: name, bars } of panel.groups) {
    parts.push(text(x + label - 6, y + (bars.length * bar) / 2 + 4, name, 'text-anchor="end"'))
    for (const { series: of, value } of bars) {
      const length = Math.max(1, value * scale)
      const color = colors[series.indexOf(of) % colors.length]
      parts.push(`<rect x="${x + label}" y="${y + 1}" width="${length.toFixed(1)}" height="${bar - 2}" fill="${color}"/>`)
      parts.push(text(x + label + length + 4, y + bar - 3, threeDigits(value), 'fill="#333"'))
      y += bar
    }
    y += between
  }
  return parts.join('\n')
}

function legend(series: readonly string[], left: number, top: number): string[] {
  let x = left
  return series.flatMap((name, i) => {
    const at = x
    x += name.length * character + 32
    return [
      `<rect x="${at.toFixed(1)}" y="${top}" width="10" height="10" fill="${colors[i % colors.length]}"/>`,
      text(at + 14, top + 9, name, ''),
    ]
  })
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`
}

const escaped = (content: string) => content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

/** 1234.5 -> "1,235", 12.345 -> "12.3", 0.012345 -> "0.0123". */
const threeDigits = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value >= 0.001 ? String(Number(value.toPrecision(3))) : value.toExponential(1)
