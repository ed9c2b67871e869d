import type { ChatTemplate } from '../prompt/template'
import type { Binding, NativeModel } from '../runtime/binding'
import type { Scope } from '../runtime/scope'
import type { Tokenizer } from '../tokenizer/from-gguf'

/** A loaded model as its documents use it. */
export interface LoadedModel {
  readonly binding: Binding
  readonly native: NativeModel
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Tokens without padding: what may be generated. */
  readonly vocabulary: readonly string[]
  readonly scope: Scope
}
