import { RagdraftError } from '../base/errors'
import { type GgufMetadata, optionalBoolean, optionalNumbers, optionalString, optionalTokenId, requiredStrings } from './metadata'

/** What a token is to the two ways of encoding; see Tokenizer. */
export const TokenKind = { text: 0, userDefined: 1, control: 2, byte: 3 } as const
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind]

/** Tokenizer metadata, checked: every id below `tokens.length`, arrays of equal length. */
export interface Vocabulary {
  readonly model: 'gpt2' | 'llama'
  readonly pre: string
  readonly tokens: readonly string[]
  readonly kinds: readonly TokenKind[]
  /** SentencePiece: log probabilities; higher merges first. Empty for BPE. */
  readonly scores: readonly number[]
  /** BPE: pairs in the order of their ranks. Empty for SentencePiece. */
  readonly merges: readonly (readonly [string, string])[]
  readonly bos: number | null
  readonly eos: number | null
  readonly unknown: number | null
  readonly stopTokens: readonly number[]
  readonly addBos: boolean
  readonly addEos: boolean
  readonly addSpacePrefix: boolean
}

/** Pre-tokenizers whose files mean BOS although they do not say add_bos_token. */
const kBosByDefault: ReadonlySet<string> = new Set(['llama-bpe', 'llama3', 'llama-v3'])

/** Names that end a generation in the vocabularies in use, whether or not the metadata points at them. */
const kStopNames: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
  '<end_of_turn>',
  '<｜end▁of▁sentence｜>',
  '<EOT>',
  '</s>',
])

/** A name spelled like a marker: <s>, <|eot_id|>, <tool_call>, [INST], [PAD151646]. */
const isMarker = (name: string): boolean => /^(?:<\S*\p{L}\S*>|\[\S*\p{L}\S*\])$/u.test(name)

/** Values of tokenizer.ggml.token_type. */
const GgufType = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 } as const

/**
 * The `tokenizer.*` keys of a GGUF file.
 * @throws ERR_UNSUPPORTED_TOKENIZER for another tokenizer model than gpt2 and llama.
 * @throws ERR_INVALID_MODEL if the keys are missing or contradict one another.
 */
export function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const model = optionalString(metadata, 'tokenizer.ggml.model')
  if (model === undefined) throw new RagdraftError('ERR_INVALID_MODEL', 'The metadata lacks tokenizer.ggml.model.')
  if (model !== 'gpt2' && model !== 'llama') {
    throw new RagdraftError('ERR_UNSUPPORTED_TOKENIZER', `The tokenizer model "${model}" is not supported (gpt2 and llama are).`)
  }
  const spm = model === 'llama'
  const pre = optionalString(metadata, 'tokenizer.ggml.pre') ?? 'default'
  const tokens = requiredStrings(metadata, 'tokenizer.ggml.tokens')
  const size = tokens.length
  if (size === 0) throw new RagdraftError('ERR_INVALID_MODEL', 'tokenizer.ggml.tokens is empty.')

  const id = (name: string): number | null => optionalTokenId(metadata, `tokenizer.ggml.${name}_token_id`, size)
  // SentencePiece numbers its control tokens 0, 1, 2 unless told otherwise, and older files rely on it.
  const usual = (name: string, fallback: number): number | null => {
    const given = id(name)
    return given === null && spm && fallback < size && !Object.hasOwn(metadata, `tokenizer.ggml.${name}_token_id`) ? fallback : given
  }
  const bos = usual('bos', 1)
  const eos = usual('eos', 2)
  const unknown = usual('unknown', 0)
  const ends = [eos, id('eot'), id('eom')].filter((token) => token !== null)

  const types = optionalNumbers(metadata, 'tokenizer.ggml.token_type', size)
  const pointedAt = new Set([...ends, bos, unknown])
  const kinds = tokens.map((name, token) => kindOf(name, types?.[token], { spm, pointedAt: pointedAt.has(token) }))
  const named = tokens.flatMap((name, token) => (kStopNames.has(name) && kinds[token] === TokenKind.control ? [token] : []))

  const scores = spm ? optionalNumbers(metadata, 'tokenizer.ggml.scores', size) : []
  if (!scores) throw new RagdraftError('ERR_INVALID_MODEL', 'The metadata lacks tokenizer.ggml.scores.')
  return {
    model,
    pre,
    tokens,
    kinds,
    scores,
    merges: spm ? [] : readMerges(metadata),
    bos,
    eos,
    unknown,
    stopTokens: [...new Set([...ends, ...named])].sort((a, b) => a - b),
    addBos: bos !== null && (optionalBoolean(metadata, 'tokenizer.ggml.add_bos_token') ?? (spm || kBosByDefault.has(pre))),
    addEos: eos !== null && (optionalBoolean(metadata, 'tokenizer.ggml.add_eos_token') ?? false),
    addSpacePrefix: spm && (optionalBoolean(metadata, 'tokenizer.ggml.add_space_prefix') ?? true),
  }
}

/**
 * `type` is what the file says; converters differ in how well they fill it in. Stop names and marker-like BOS, EOS, EOT are
 * control tokens even where the file calls them normal. User-defined markers (<tool_call>) steer a model as control tokens do.
 */
function kindOf(name: string, type: number | undefined, { spm, pointedAt }: { spm: boolean; pointedAt: boolean }): TokenKind {
  if (type === GgufType.control || type === GgufType.unknown) return TokenKind.control
  if (type === GgufType.byte) return TokenKind.byte
  if (isMarker(name) && (pointedAt || type === GgufType.userDefined || (kStopNames.has(name) && name !== '</s>'))) {
    return TokenKind.control
  }
  if (type === GgufType.userDefined) return TokenKind.userDefined
  // A file without token types still spells the byte tokens of SentencePiece <0x00> ... <0xFF>.
  return spm && type === undefined && byteOfName(name) !== null ? TokenKind.byte : TokenKind.text
}

/** 0..255 of a SentencePiece byte token's name <0xNN>; null for any other name. */
export function byteOfName(name: string): number | null {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(name)
  return match ? Number.parseInt(match[1]!, 16) : null
}

function readMerges(metadata: GgufMetadata): readonly (readonly [string, string])[] {
  return requiredStrings(metadata, 'tokenizer.ggml.merges').map((merge, rank) => {
    const space = merge.indexOf(' ', 1)
    if (space < 0 || space === merge.length - 1) {
      throw new RagdraftError('ERR_INVALID_MODEL', `tokenizer.ggml.merges[${rank}] is not a pair of tokens.`)
    }
    return [merge.slice(0, space), merge.slice(space + 1)] as const
  })
}
