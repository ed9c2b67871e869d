// @ts-check
// Electron's main process: it asks a utility process (worker.cjs), which holds the model. A model takes gigabytes and all cores; there it
// stays apart from the windows, and a crash would not take the application along.
//
//     npx electron examples/electron/main.cjs MODEL.gguf DOCUMENT.txt "QUESTION"
//
// In a packed application native files must lie beside the asar archive, as the operating system loads them. With electron-builder:
// "asarUnpack": ["**/node_modules/{ragdraft,ragdraft-cuda}/**"]; with Electron Forge: packagerConfig.asar.unpack of the same pattern.
const path = require('node:path')
const { app, utilityProcess } = require('electron')

const [model = '', document = '', question = ''] = process.argv.slice(app.isPackaged ? 1 : 2)

app.whenReady().then(() => {
  const worker = utilityProcess.fork(path.join(__dirname, 'worker.cjs'))
  /** @param {import('./protocol').ToWorker} message */
  const send = (message) => worker.postMessage(message)
  let failed = true
  worker.on('message', (/** @type {import('./protocol').FromWorker} */ message) => {
    if (message.type === 'ready') send({ type: 'ask', id: 1, question })
    if (message.type === 'delta') process.stdout.write(message.text)
    if (message.type === 'answer') process.stdout.write(`\n${JSON.stringify(message.citations)}\n`)
    if (message.type === 'error') process.stderr.write(`${message.code}: ${message.message}\n`)
    if (message.type === 'answer' || message.type === 'error') {
      failed = message.type === 'error'
      send({ type: 'close' })
    }
  })
  worker.on('exit', () => app.exit(failed ? 1 : 0))
  send({ type: 'open', model, document })
})
