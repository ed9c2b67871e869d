/** Converts a llama2.c checkpoint (version 0: 7 int32, then fp32 weights) and its tokenizer.bin to a GGUF file of arch llama. */
import {
  bool,
  bytesOf,
  f32,
  f32Array,
  type GgufSource,
  i32Array,
  string,
  stringArray,
  type TensorSource,
  u32,
} from '../../lib/demo/gguf/types'

/**
 * @param checkpoint contents of e.g. stories260K.bin.
 * @param tokenizer contents of its tokenizer, e.g. tok512.bin: int32 longest token, then per token f32 score, int32 length, bytes.
 * Both use RoPE on interleaved pairs, so no weight needs reordering. All tensors stay F32.
 */
export function convertLlama2c(checkpoint: Buffer, tokenizer: Buffer, name: string): GgufSource {
  const [dim, hidden, layers, heads, kvHeads, signedVocab, context] = Array.from({ length: 7 }, (_, i) =>
    checkpoint.readInt32LE(4 * i),
  ) as [number, number, number, number, number, number, number]
  const vocab = Math.abs(signedVocab) // negative: the head is a matrix of its own
  const headDim = dim / heads
  const kvDim = kvHeads * headDim

  let at = 28
  const take = (count: number): Float32Array => {
    const copy = Uint8Array.from(checkpoint.subarray(at, at + 4 * count))
    if (copy.length !== 4 * count) throw new RangeError('the checkpoint is shorter than its header says')
    at += 4 * count
    return new Float32Array(copy.buffer)
  }
  const tensor = (key: string, shape: readonly number[], values: Float32Array): TensorSource => ({
    name: key,
    shape,
    type: 'F32',
    data: () => [bytesOf(values)],
  })
  // A checkpoint holds each kind of tensor for all layers together.
  const perLayer = (kind: string, shape: readonly number[]): TensorSource[] =>
    Array.from({ length: layers }, (_, n) => tensor(`blk.${n}.${kind}.weight`, shape, take(shape.reduce((a, b) => a * b))))

  const embeddings = tensor('token_embd.weight', [dim, vocab], take(dim * vocab))
  const blocks = [
    ...perLayer('attn_norm', [dim]),
    ...perLayer('attn_q', [dim, dim]),
    ...perLayer('attn_k', [dim, kvDim]),
    ...perLayer('attn_v', [dim, kvDim]),
    ...perLayer('attn_output', [dim, dim]),
    ...perLayer('ffn_norm', [dim]),
    ...perLayer('ffn_gate', [dim, hidden]),
    ...perLayer('ffn_down', [hidden, dim]),
    ...perLayer('ffn_up', [dim, hidden]),
  ]
  const norm = tensor('output_norm.weight', [dim], take(dim))
  at += 4 * context * headDim // RoPE's cosines and sines, which everybody computes today
  const head = signedVocab < 0 ? [tensor('output.weight', [dim, vocab], take(dim * vocab))] : []
  if (at !== checkpoint.length) throw new RangeError('the checkpoint is longer than its header says')

  const pieces = readPieces(tokenizer, vocab)
  return {
    metadata: [
      ['general.architecture', string('llama')],
      ['general.name', string(name)],
      ['general.file_type', u32(0)],
      ['llama.vocab_size', u32(vocab)],
      ['llama.context_length', u32(context)],
      ['llama.embedding_length', u32(dim)],
      ['llama.block_count', u32(layers)],
      ['llama.feed_forward_length', u32(hidden)],
      ['llama.attention.head_count', u32(heads)],
      ['llama.attention.head_count_kv', u32(kvHeads)],
      ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
      ['llama.rope.dimension_count', u32(headDim)],
      ['llama.rope.freq_base', f32(10000)],
      ['tokenizer.ggml.model', string('llama')],
      ['tokenizer.ggml.pre', string('default')],
      ['tokenizer.ggml.tokens', stringArray(pieces.map(({ text }) => text))],
      ['tokenizer.ggml.scores', f32Array(pieces.map(({ score }) => score))],
      ['tokenizer.ggml.token_type', i32Array(pieces.map(({ text }, id) => tokenType(text, id)))],
      ['tokenizer.ggml.bos_token_id', u32(1)],
      ['tokenizer.ggml.eos_token_id', u32(2)],
      ['tokenizer.ggml.unknown_token_id', u32(0)],
      ['tokenizer.ggml.add_bos_token', bool(true)],
      ['tokenizer.ggml.add_eos_token', bool(false)],
    ],
    tensors: [embeddings, ...blocks, norm, ...head],
  }
}

/** The first three pieces are special; llama2.c has them with line breaks around, for printing. */
const special = ['<unk>', '<s>', '</s>']

function readPieces(tokenizer: Buffer, count: number): { text: string; score: number }[] {
  let at = 4
  return Array.from({ length: count }, (_, id) => {
    const score = tokenizer.readFloatLE(at)
    const length = tokenizer.readInt32LE(at + 4)
    const text = tokenizer.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length
    return { score, text: special[id] ?? text.replaceAll(' ', '▁') } // SentencePiece writes spaces as U+2581
  })
}

/** tokenizer.ggml.token_type: 1 normal, 2 unknown, 3 control, 6 byte. */
function tokenType(text: string, id: number): number {
  if (id < special.length) return id === 0 ? 2 : 3
  return /^<0x[0-9A-F]{2}>$/.test(text) ? 6 : 1
}
