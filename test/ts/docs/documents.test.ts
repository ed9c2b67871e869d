/** What documents point at is there: links, files and folders of the repository, scripts of package.json. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { root } from '../../helpers/dist'
import { blocks, documents, read, userPages } from '../../helpers/documents'

/** Every match of `pattern` in a document that `holds` does not hold of, as "document: match". */
function missing(pattern: RegExp, holds: (match: string, document: string) => boolean): string[] {
  return documents.flatMap((document) =>
    Array.from(read(document).matchAll(pattern), ([, match]) => match!)
      .filter((match) => !holds(match, document))
      .map((match) => `${document}: ${match}`),
  )
}

/** Whether a path of the repository is there; its last part may have stars, or be a place for NAME or NNNN. */
function isThere(given: string): boolean {
  const name = given.replaceAll(/NAME|NNNN/g, '*')
  if (!name.includes('*')) return existsSync(path.join(root, name))
  const folder = path.join(root, path.dirname(name))
  const pattern = new RegExp(`^${path.basename(name).replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
  return existsSync(folder) && readdirSync(folder).some((file) => pattern.test(file))
}

/** The anchors that GitHub gives the headings of a document. */
const anchorsOf = (document: string) =>
  Array.from(read(document).matchAll(/^#+ (.*)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )

t.test('links lead to files and headings', async (t) => {
  const leads = (target: string, document: string) => {
    if (/^[a-z]+:/.test(target)) return true
    const [file, anchor] = target.replaceAll('\\', '').split('#') as [string, string?]
    const there = file === '' ? document : path.join(path.dirname(document), file)
    return isThere(there) && (anchor === undefined || !there.endsWith('.md') || anchorsOf(there).includes(anchor))
  }
  t.same(missing(/\]\(([^)\s]+)\)/g, leads), [])
})

t.test('paths of the repository are there', async (t) => {
  const ours = /`((?:lib|native|test|bench|tools|scripts|examples|findings|packages|docs|cmake|assets)\/[\w./{},*-]+)`/g
  const all = (name: string) => {
    const [, before, choices, after] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? ['', '', '', name]
    return choices!.split(',').every((choice) => isThere(before + choice + after))
  }
  t.same(missing(ours, all), [])
})

t.test('commands are scripts of the package, suites of the benchmarks and files of the repository', async (t) => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  t.same(
    missing(/npm run ([\w:-]+)/g, (name) => name in scripts),
    [],
  )
  t.same(
    missing(/npm run bench -- (\w+)/g, (name) => name === 'peaks' || isThere(`bench/suites/${name}.ts`)),
    [],
  )
  t.same(
    missing(/\b(?:node|bash|sh) ((?:scripts|tools|test|bench|\.ci)\/[\w./-]+\w)/g, (file) => existsSync(path.join(root, file))),
    [],
  )
})

t.test('the README leads to every page of the guide, the index of decisions to every decision', async (t) => {
  for (const page of userPages.slice(1)) t.ok(read('README.md').includes(`](${page})`), page)
  const index = read(path.join('docs', 'decisions', 'README.md'))
  for (const decision of documents.filter((document) => /\d{4}-/.test(document)))
    t.ok(index.includes(`](${path.basename(decision)})`), decision)
  t.equal(blocks('README.md', 'ts').length, 1, 'the README has one example')
})
