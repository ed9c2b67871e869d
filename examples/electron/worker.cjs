// @ts-check
// A utility process that holds one model and one document, and answers questions about it. protocol.d.ts has the messages.
const { loadModel } = require('ragdraft')

/** @type {import('ragdraft').Model | undefined} */
let model
/** @type {import('ragdraft').DocumentSession | undefined} */
let doc
/** @type {Map<number, import('ragdraft').Answer>} */
const answers = new Map()

/** @param {import('./protocol').FromWorker} message */
const post = (message) => process.parentPort.postMessage(message)

/** @param {Extract<import('./protocol').ToWorker, { type: 'ask' }>} message */
async function ask({ id, question }) {
  if (!doc) throw new Error('no document is open')
  const answer = doc.ask(question)
  answers.set(id, answer)
  try {
    for await (const text of answer) post({ type: 'delta', id, text })
    const { citations, finishReason } = await answer
    post({ type: 'answer', id, citations, finishReason })
  } finally {
    answers.delete(id)
  }
}

/** @param {import('./protocol').ToWorker} message */
async function handle(message) {
  if (message.type === 'open') {
    model = await loadModel(message.model)
    doc = await model.open({ path: message.document })
    post({ type: 'ready', tokens: doc.documentTokens })
  }
  if (message.type === 'ask') await ask(message)
  if (message.type === 'stop') answers.get(message.id)?.cancel()
  if (message.type === 'close') {
    await model?.close() // cancels what runs
    process.exit()
  }
}

process.parentPort.on('message', ({ data }) => {
  handle(data).catch((error) =>
    post({
      type: 'error',
      id: data.type === 'ask' ? data.id : undefined,
      code: error.name === 'RagdraftError' ? error.code : error.name,
      message: error.message,
    }),
  )
})
