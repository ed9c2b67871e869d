import type { GgufValue } from '../../lib/runtime/binding'
import { kByteCharacters } from '../../lib/tokenizer/byte-alphabet'

type Metadata = Record<string, GgufValue>

/** GGUF token types. */
export const type = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 }

/** Byte-level BPE: 256 bytes, the results of `merges`, then `extra` tokens (name, type). */
export function tinyBpe(merges: string[] = [], extra: [string, number][] = [], more: Metadata = {}): Metadata {
  const tokens = [...kByteCharacters, ...merges.map((merge) => merge.replace(' ', '')), ...extra.map(([name]) => name)]
  const types = [...new Array(256 + merges.length).fill(type.normal), ...extra.map(([, kind]) => kind)]
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': merges,
    ...more,
  }
}

/** SentencePiece: <unk>, <s>, </s>, 256 bytes, then `pieces` (name, score). */
export function tinySpm(pieces: [string, number][], more: Metadata = {}): Metadata {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', ...bytes, ...pieces.map(([name]) => name)],
    'tokenizer.ggml.scores': [...new Array(259).fill(0), ...pieces.map(([, score]) => score)],
    'tokenizer.ggml.token_type': [
      type.unknown,
      type.control,
      type.control,
      ...new Array(256).fill(type.byte),
      ...pieces.map(() => type.normal),
    ],
    ...more,
  }
}

/** The ids of Llama 3's control tokens and of a few merges, in a vocabulary of its kind. */
export const tinyLlama3 = (more: Metadata = {}): Metadata =>
  tinyBpe(
    ['h e', 'Ġ t', 'Ġt he', 'Ċ Ċ'],
    ['<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eom_id|>', '<|eot_id|>'].map((name) => [
      name,
      type.control,
    ]),
    { 'tokenizer.ggml.bos_token_id': 260, 'tokenizer.ggml.eos_token_id': 265, ...more },
  )

/** A vocabulary of Qwen2's kind. */
export const tinyQwen2 = (more: Metadata = {}): Metadata =>
  tinyBpe(
    ['h e', 'Ġ t', 'Ġt he', 'Ċ Ċ'],
    [
      ['<|endoftext|>', type.control],
      ['<|im_start|>', type.control],
      ['<|im_end|>', type.control],
      ['<tool_call>', type.userDefined],
    ],
    {
      'tokenizer.ggml.pre': 'qwen2',
      'tokenizer.ggml.bos_token_id': 260,
      'tokenizer.ggml.eos_token_id': 262,
      'tokenizer.ggml.add_bos_token': false,
      ...more,
    },
  )

/** Reproducible random integers in [0, below): mulberry32. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const alphabets = [
  'etaoin shrdlu ETAOIN',
  ' \t\n\r\u00a0\u3000\u0085\u2028',
  '0123456789.,;:!?\'"-()<|>[]_=+*/\\$%&@#^~`{}',
  'éüßñøłžčŻÄÖÅæœ',
  'абвгдЖЗИΑΒΓαβγ',
  '我想在工作天的中文。，！？「」～ひらがなカタカナ한국어',
  '😁🚀👩‍👧🇫🇷\u0301\u200d\ufeff\ufffd',
  'กាន់តែابتثनमस्ते٣४Ⅻ½²',
]

/** Text that mixes scripts, white space, digits, punctuation, emoji and, now and then, words that tokens are named after. */
export function randomText(next: (below: number) => number, characters: number): string {
  const words = ["'s", "'LL", "don't", ' the', 'hello', ' World', '\r\n', '<|eot_id|>', '</s>', '<0x0A>', '▁', '    ', '1234567', 'ǅ', 'K']
  let text = ''
  while (text.length < characters) {
    if (next(6) === 0) text += words[next(words.length)]
    const alphabet = [...alphabets[next(alphabets.length)]!]
    for (let i = next(8); i >= 0; i--) text += alphabet[next(alphabet.length)]
  }
  return text
}
