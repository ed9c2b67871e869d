/** The documentation of each option says the default and the range that its schema has: an editor shows the one, the code obeys the other. */
import { readFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import * as ts from 'typescript'
import { askOptions } from '../../../lib/options/ask'
import { loadOptions } from '../../../lib/options/load'
import { openOptions } from '../../../lib/options/open'
import type { Option } from '../../../lib/options/schema'

const folder = path.join(__dirname, '..', '..', '..', 'lib', 'options')

/** JSDoc of the properties of a file's object literals, by name. */
function documentation(name: string): Map<string, string> {
  const file = path.join(folder, name)
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  const found = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)) {
      const [comment] = ts.getJSDocCommentsAndTags(node)
      if (comment) found.set(node.name.getText(), comment.getText().replace(/[\s*]+/g, ' '))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

for (const [name, schema] of Object.entries({ load: loadOptions, open: openOptions, ask: askOptions })) {
  t.test(`the options of ${name}.ts are documented as they are`, async (t) => {
    const docs = documentation(`${name}.ts`)
    for (const [option, { field, default: value, help, defaultHelp }] of Object.entries(
      schema as Record<string, Option<unknown, unknown>>,
    )) {
      const doc = docs.get(option)?.replaceAll(/(\d),(?=\d{3})/g, '$1')
      if (!t.ok(doc, `${option} has a documentation`) || doc?.includes('@internal')) continue
      if (['string', 'number', 'bigint', 'boolean'].includes(typeof value) && defaultHelp === undefined)
        t.match(doc, `Default ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`, `${option}: its default`)
      if (/^(an integer|a number)/.test(field.expected))
        for (const [bound] of field.expected.matchAll(/\d+(\^\d+)?/g)) t.match(doc, bound, `${option}: its range, ${field.expected}`)
      if (help !== undefined) t.match(help, /^[A-Z].*\.$/, `${option}: its help is a sentence`)
    }
  })
}
