/** The TypeScript in the README and the guide compiles, in strict mode, against the library's own types. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import * as ts from 'typescript'
import { root } from '../../helpers/dist'
import { blocks, userPages } from '../../helpers/documents'

/** What a block may use without having made it. */
const given = `import type { DocumentSession, Model } from 'ragdraft'\ndeclare const model: Model, doc: DocumentSession\n`

t.test('every block of TypeScript compiles', async (t) => {
  // In the project's folder, so that node_modules are found.
  const folder = path.join(root, 'build', `documents-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  const sources = userPages.flatMap((page) =>
    blocks(page, 'ts').map((block, i) => {
      const file = path.join(folder, `${path.basename(page, '.md')}-${i + 1}.mts`)
      const makes = (name: string) => new RegExp(`(?:const|using) ${name} =`).test(block)
      const names = ['model', 'doc']
        .filter((name) => !makes(name))
        .map((name) => `${name}: ${name === 'doc' ? 'DocumentSession' : 'Model'}`)
      writeFileSync(file, `${names.length > 0 ? given.replace('model: Model, doc: DocumentSession', names.join(', ')) : ''}${block}\n`)
      return file
    }),
  )
  const config = ts.getParsedCommandLineOfConfigFile(path.join(root, 'tsconfig.test.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => t.fail(String(diagnostic.messageText)),
  })!
  const program = ts.createProgram(sources, { ...config.options, noEmit: true })
  const found = sources.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))
  rmSync(folder, { recursive: true })
  t.ok(sources.length >= 8, `${sources.length} blocks`)
  t.same(
    found.map(({ file, messageText }) => `${path.basename(file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
    [],
  )
})
