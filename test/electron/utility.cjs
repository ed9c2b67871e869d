'use strict'
const { answer } = require('./platforms/answer.cjs')

answer('ragdraft').then(
  (text) => process.parentPort.postMessage({ text }),
  (error) => process.parentPort.postMessage({ error: String(error?.stack ?? error) }),
)
