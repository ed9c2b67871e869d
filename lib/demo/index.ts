/** `ragdraft/demo`: a model made in a moment and a book with a hidden sentence, so that the whole pipeline runs without a download. */
export { type DemoBook, demoBook, type Hidden } from './book'
export { type EnsureDemoModelOptions, ensureDemoModel } from './demo-model-file'
export type { DemoModelOptions } from './model'
