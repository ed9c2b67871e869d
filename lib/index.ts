/** The public surface of ragdraft. */

export type { Answer, AnswerResult, AnswerStats, Citation, FinishReason, UsedChunk } from './api/answer'
export type { DocumentSession } from './api/document-session'
export { type InspectOptions, inspectModel, type ModelDescription, type Quantization, type SpecialToken } from './api/inspect-model'
export { type Gpu, type GpuList, listGpus } from './api/list-gpus'
export { loadModel } from './api/load-model'
export type { Model, ModelInfo } from './api/model'
export { type ErrorCode, type ErrorDetails, RagdraftError } from './base/errors'
export { demoBook, type EnsureDemoModelOptions, ensureDemoModel } from './demo'
export type { Chunk } from './document/chunk'
export type { DocumentInput } from './document/source'
export type {
  AskOptions,
  Device,
  DraftWeights,
  KvType,
  LoadModelOptions,
  Mode,
  OnProgress,
  OpenOptions,
  Progress,
  Turn,
} from './options/options'
export type { DrafterInfo } from './pipeline/drafter'
export type { DrafterStats, SpeculationStats } from './pipeline/statistics'
export type { WeightsCacheState } from './runtime/binding'
export type { Tokenizer } from './tokenizer/tokenizer'
