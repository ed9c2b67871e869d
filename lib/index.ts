/** The public surface of ragdraft; the demo's model and book are in `ragdraft/demo`. */

export type { Answer } from './api/answer'
export type { DocumentSession } from './api/document-session'
export {
  type InspectOptions,
  inspectModel,
  type ModelDescription,
  type Quantization,
  type RopeDescription,
  type RopeScaling,
  type SpecialToken,
  type TokenizerDescription,
} from './api/inspect-model'
export { type Gpu, type GpuList, listGpus } from './api/list-gpus'
export { loadModel } from './api/load-model'
export type { Model, ModelInfo, OpenOptions } from './api/model'
export { type ErrorCode, type ErrorDetails, RagdraftError } from './base/errors'
export type { Citation } from './cite/quote-index'
export type { Chunk, Span } from './document/chunk'
export type { DocumentFile, DocumentInput, DocumentText } from './document/source'
export type { AskOptions, Mode, Turn } from './options/ask'
export type { Device, LoadModelOptions } from './options/load'
export type { DraftWeights, KvType } from './options/open'
export type { OnProgress, Progress } from './options/progress'
export type { AnswerResult, AnswerStats, FinishReason, UsedChunk } from './pipeline/answer-result'
export type { DrafterInfo } from './pipeline/drafter'
export type { DrafterStats, SpeculationStats } from './pipeline/statistics'
export type { Hit, IndexContext, Retriever } from './retrieve/retriever'
export type { WeightsCacheState } from './runtime/binding'
export type { DecodeOptions, EncodeAsyncOptions, TemplateOptions, Tokenizer } from './tokenizer/tokenizer'
