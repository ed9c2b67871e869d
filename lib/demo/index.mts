// The ES module face of the CommonJS build, as of the main entry.
export type * from './index.js'
export { demoBook, ensureDemoModel } from './index.js'
