/** A GGUF model whose weights are constructed, not trained: it continues a phrase the way the phrase went on earlier in its context. */
import { RagdraftError } from '../base/errors'
import { moveConstantsToBiases } from './biases'
import { bool, f32, type GgufSource, i32Array, type Metadata, string, stringArray, type TensorSource, u32 } from './gguf/types'
import { buildInduction, headCounts, planStream, type Shape, type Stream } from './induction'
import { Matrix, seededRandom, vectorTensor } from './matrix'
import { headDim, llama3Factors, pairs } from './rope-kernels'
import { demoMerges, makeVocabulary, type Vocabulary } from './vocabulary'

/** Feed-forward width: zeros, there because the architecture has them. */
const feedForward = 32
/** Logit of a copied token. */
const gain = 40

/** A "chat" that is nothing but the messages' text: chat interfaces then act as raw completion. */
export const plainChatTemplate = "{% for message in messages %}{{ message['content'] }}{% endfor %}"

/** Of a demo model; the defaults make the one that `ragdraft demo` runs. */
export interface DemoModelOptions {
  /** Default 'llama'. 'qwen2' splits RoPE pairs in halves and has biases that matter. */
  readonly arch?: 'llama' | 'qwen2'
  /** RoPE base. Default 1e12: only with few turns can many pairs match over a long context. 5e5 and 1e6 work with less certainty. */
  readonly theta?: number
  /** Llama 3.1's frequency scaling (factor 8), as a rope_freqs tensor. Default false; 'llama' only. */
  readonly llama3Scaling?: boolean
  /** Context in tokens that matching is designed for. Default 131,072 if theta >= 1e9, else 32,768. */
  readonly ctx?: number
  /** Attention heads, 3 to 6: with more, it tells more similar phrases apart. Default 4. */
  readonly heads?: number
  /** KV heads, a divisor of heads. Default 2, or 1 if heads is odd. */
  readonly kvHeads?: number
  /** Width of the residual stream. Default heads * 128. */
  readonly embd?: number
  /** Tokens. Default 4,096; fewer drop merges, more add unused tokens. */
  readonly vocabSize?: number
  /** Type of the matrices. Default 'f16'. */
  readonly dtype?: 'f16' | 'f32'
  /** Seed of the random token codes. Default 1. */
  readonly seed?: number
  /** Jinja template, or null for none. Default: one that prints the messages' text and nothing else. */
  readonly chatTemplate?: string | null
}

type Resolved = Required<DemoModelOptions>

/** Options with their defaults. @throws ERR_INVALID_ARGUMENT for combinations that cannot be built. */
export function resolveDemoOptions(options: DemoModelOptions = {}): Resolved {
  const { arch = 'llama', theta = 1e12, llama3Scaling = false, heads = 4, dtype = 'f16', seed = 1, vocabSize = 4096 } = options
  const {
    ctx = theta >= 1e9 ? 131072 : 32768,
    kvHeads = heads % 2 ? 1 : 2,
    embd = heads * headDim,
    chatTemplate = plainChatTemplate,
  } = options
  expect(arch === 'llama' || arch === 'qwen2', 'arch must be "llama" or "qwen2"')
  expect(dtype === 'f16' || dtype === 'f32', 'dtype must be "f16" or "f32"')
  expect(Number.isFinite(theta) && theta > 1, 'theta must be above 1')
  expect(Number.isInteger(ctx) && ctx >= 1, 'ctx must be a positive integer')
  expect(Number.isInteger(seed), 'seed must be an integer')
  expect(!llama3Scaling || arch === 'llama', 'llama3Scaling needs arch "llama"')
  expect(headCounts.includes(heads) && heads % kvHeads === 0, `heads must be one of ${headCounts.join(', ')} and a multiple of kvHeads`)
  return { arch, theta, llama3Scaling, ctx, heads, kvHeads, embd, vocabSize, dtype, seed, chatTemplate }
}

/** Builds the model: everything that a GGUF file of it holds. @throws ERR_INVALID_ARGUMENT for combinations that cannot be built. */
export function buildDemoModel(options: DemoModelOptions = {}): GgufSource {
  const resolved = resolveDemoOptions(options)
  const { arch, theta, ctx, heads, kvHeads, embd, seed } = resolved
  const vocabulary = makeVocabulary(demoMerges(), resolved.vocabSize)
  const factors = resolved.llama3Scaling ? llama3Factors(theta, pairs) : undefined
  const frequencies = Array.from({ length: pairs }, (_, i) => theta ** (-i / pairs) / (factors?.[i] ?? 1))
  const shape: Shape = { interleaved: arch === 'llama', heads, kvHeads, embd, contextTokens: ctx, frequencies }
  const stream = planStream(shape)
  expect(stream.block > 0, 'no RoPE pair turns slowly enough for this theta and context: lower ctx or raise theta')
  expect(Number.isInteger(embd) && embd >= stream.end, `embd must be ${stream.end} or more`)

  const random = seededRandom(seed)
  const { embeddings, output } = tokenMatrices(vocabulary, stream, embd, random)
  const { layers, norms } = buildInduction(shape, stream)
  const type = resolved.dtype === 'f16' ? 'F16' : 'F32'
  const norm = (name: string, value: number): TensorSource => vectorTensor(name, new Float32Array(embd).fill(value))

  const tensors: TensorSource[] = [embeddings.tensor('token_embd.weight', type)]
  if (factors) tensors.push(vectorTensor('rope_freqs.weight', factors))
  layers.forEach((layer, n) => {
    const named = (name: string): string => `blk.${n}.${name}`
    tensors.push(norm(named('attn_norm.weight'), norms[n]!))
    if (arch === 'qwen2') {
      const biases = moveConstantsToBiases(layer, n as 0 | 1, stream, random)
      for (const part of ['q', 'k', 'v'] as const) tensors.push(vectorTensor(named(`attn_${part}.bias`), biases[part]))
    }
    for (const part of ['q', 'k', 'v'] as const) tensors.push(layer[part].tensor(named(`attn_${part}.weight`), type))
    tensors.push(layer.o.tensor(named('attn_output.weight'), type), norm(named('ffn_norm.weight'), 1))
    for (const part of ['gate', 'up'] as const) tensors.push(new Matrix(feedForward, embd).tensor(named(`ffn_${part}.weight`), type))
    tensors.push(new Matrix(embd, feedForward).tensor(named('ffn_down.weight'), type))
  })
  tensors.push(norm('output_norm.weight', norms[2]), output.tensor('output.weight', type))
  return { metadata: describe(resolved, vocabulary), tensors }
}

/** Embeddings: 64 random unit phases per token, BOS a flag instead. Read-out: the same codes against the copied code. */
function tokenMatrices(vocabulary: Vocabulary, stream: Stream, embd: number, random: () => number): { embeddings: Matrix; output: Matrix } {
  const embeddings = new Matrix(vocabulary.tokens.length, embd)
  const output = new Matrix(vocabulary.tokens.length, embd)
  for (let id = 0; id < vocabulary.tokens.length; id++) {
    embeddings.add(id, stream.one, stream.oneSize)
    output.add(id, stream.one, fallbackLogit(id, vocabulary) / stream.oneSize)
    if (id === vocabulary.bos) {
      embeddings.add(id, stream.flag, stream.flagSize)
      continue
    }
    for (let i = 0; i < pairs; i++) {
      const phase = 2 * Math.PI * random()
      embeddings.add(id, stream.code + 2 * i, Math.cos(phase))
      embeddings.add(id, stream.code + 2 * i + 1, Math.sin(phase))
      output.add(id, stream.out + 2 * i, (gain / pairs) * Math.cos(phase))
      output.add(id, stream.out + 2 * i + 1, (gain / pairs) * Math.sin(phase))
    }
  }
  return { embeddings, output }
}

/** What it says with nothing to copy, like log-probabilities: merged tokens by rank, EOS on top, so that greedy decoding stops. */
function fallbackLogit(id: number, { bos, eos, real }: Vocabulary): number {
  if (id === eos) return 0
  if (id === bos || id >= real) return -16
  return id < 256 ? -10 : -Math.log(id - 246)
}

function describe({ arch, theta, ctx, heads, kvHeads, embd, dtype, chatTemplate }: Resolved, vocabulary: Vocabulary): Metadata {
  const metadata: Metadata = [
    ['general.architecture', string(arch)],
    ['general.type', string('model')],
    ['general.name', string('ragdraft demo: constructed induction heads')],
    ['general.file_type', u32(dtype === 'f32' ? 0 : 1)],
    [`${arch}.vocab_size`, u32(vocabulary.tokens.length)],
    [`${arch}.context_length`, u32(ctx)],
    [`${arch}.embedding_length`, u32(embd)],
    [`${arch}.block_count`, u32(2)],
    [`${arch}.feed_forward_length`, u32(feedForward)],
    [`${arch}.attention.head_count`, u32(heads)],
    [`${arch}.attention.head_count_kv`, u32(kvHeads)],
    [`${arch}.attention.key_length`, u32(headDim)],
    [`${arch}.attention.value_length`, u32(headDim)],
    [`${arch}.attention.layer_norm_rms_epsilon`, f32(1e-5)],
    [`${arch}.rope.dimension_count`, u32(headDim)],
    [`${arch}.rope.freq_base`, f32(theta)],
    ...describeTokenizer(vocabulary, arch === 'qwen2' ? 'qwen2' : 'llama-bpe'),
  ]
  return chatTemplate === null ? metadata : [...metadata, ['tokenizer.chat_template', string(chatTemplate)]]
}

/** Tokenizer metadata of a byte-level BPE vocabulary; `pre` names the pre-tokenizer. */
export function describeTokenizer(vocabulary: Vocabulary, pre: string): Metadata {
  return [
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string(pre)],
    ['tokenizer.ggml.tokens', stringArray(vocabulary.tokens)],
    ['tokenizer.ggml.token_type', i32Array(vocabulary.types)],
    ['tokenizer.ggml.merges', stringArray(vocabulary.merges)],
    ['tokenizer.ggml.bos_token_id', u32(vocabulary.bos)],
    ['tokenizer.ggml.eos_token_id', u32(vocabulary.eos)],
    ['tokenizer.ggml.add_bos_token', bool(true)],
    ['tokenizer.ggml.add_eos_token', bool(false)],
  ]
}

function expect(condition: boolean, message: string): void {
  if (!condition) throw new RagdraftError('ERR_INVALID_ARGUMENT', message)
}
