'use strict'
// Answers in the main process, then in a utility process; the two must agree.
const assert = require('node:assert')
const path = require('node:path')
const { app, utilityProcess } = require('electron')
const { answer } = require('./platforms/answer.cjs')

/** @returns {Promise<string>} what the utility process answered */
function answerElsewhere() {
  return new Promise((resolve, reject) => {
    const child = utilityProcess.fork(path.join(__dirname, 'utility.cjs'))
    child.once('message', ({ text, error }) => (error ? reject(new Error(error)) : resolve(text)))
    child.once('exit', (code) => reject(new Error(`the utility process ended with ${code} before it answered`)))
  })
}

async function run() {
  assert.match(__dirname, /app\.asar$/, 'the application is packed')
  await app.whenReady()
  const here = await answer('ragdraft')
  console.log(`ok - main process: ${JSON.stringify(here)}`)
  assert.strictEqual(await answerElsewhere(), here)
  console.log('ok - utility process says the same')
}

run().then(
  () => app.exit(0),
  (error) => {
    console.error(error)
    app.exit(1)
  },
)
