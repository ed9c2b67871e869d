// The ES module face of the CommonJS build: one instance of every class, however the package is loaded.
export type * from './index.js'
export { inspectModel, listGpus, loadModel, RagdraftError } from './index.js'
