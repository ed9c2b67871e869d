'use strict'
// Answers from the small fixture, by the package in the folder named: node answer.cjs FOLDER. No test framework: it also runs where
// only Node is (an emulator, Electron). Prints one line, exits with 0 if all is as it must be.
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const fixtures = path.join(__dirname, '..', 'fixtures')

async function answer(folder) {
  const { loadModel } = require(folder)
  // A name that is neither ASCII nor Latin-1: file names must not go through a code page.
  const own = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-\u00e4\u4e16-'))
  try {
    const file = path.join(own, 'stories \u4e16.gguf')
    fs.copyFileSync(path.join(fixtures, 'stories260K.gguf'), file)
    await assert.rejects(loadModel(path.join(own, 'absent.gguf')), { code: 'ERR_FILE_NOT_FOUND' })
    const model = await loadModel(file, { device: 'cpu', threads: 2 })
    const document = await model.open({ text: 'Once upon a time there was a red ball. '.repeat(4) }, { contextTokens: 400 })
    const answers = []
    for (const mode of ['plain', 'lossless']) answers.push((await document.ask('What was there?', { mode, maxTokens: 40 })).text)
    assert.ok(answers[0].length > 20, `an answer of ${answers[0].length} characters`)
    assert.strictEqual(answers[1], answers[0], 'drafts change nothing')
    await document.close()
    await model.close() // nobody maps the file any longer: Windows removes no mapped one
    return answers[0]
  } finally {
    fs.rmSync(own, { recursive: true, force: true })
  }
}

module.exports = { answer }
if (require.main === module)
  answer(path.resolve(process.argv[2])).then((text) =>
    console.log(`ok - ${process.platform}-${process.arch}, Node ${process.versions.node}: ${JSON.stringify(text)}`),
  )
