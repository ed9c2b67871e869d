import { byteBpe } from './byte-bpe'
import { GgufTokenizer } from './gguf-tokenizer'
import type { GgufMetadata } from './metadata'
import { sentencePiece } from './sentencepiece'
import type { Tokenizer } from './tokenizer'
import { readVocabulary } from './vocabulary'

export type { Tokenizer } from './tokenizer'

/**
 * The tokenizer that a GGUF file describes: byte-level BPE (`tokenizer.ggml.model` "gpt2") with the pre-tokenizers of Llama 3,
 * Qwen2, GPT-2, DeepSeek-LLM and the unnamed default, or SentencePiece ("llama"). Takes some 0.3 s for 128,000 tokens.
 * @throws ERR_UNSUPPORTED_TOKENIZER for any other kind, with its name.
 * @throws ERR_INVALID_MODEL if the metadata is incomplete or contradicts itself.
 */
export function tokenizerFromGguf(metadata: GgufMetadata): Tokenizer {
  const vocabulary = readVocabulary(metadata)
  return new GgufTokenizer(vocabulary, vocabulary.model === 'gpt2' ? byteBpe(vocabulary) : sentencePiece(vocabulary))
}
