/**
 * A binding without native code, for tests of what TypeScript does with it. Its "model" copies: it looks where the last tokens
 * of its prompt occurred before and goes on as the text did there. So an answer proves which prompt was in the cache.
 */
import { byteTokens } from '../../lib/demo/vocabulary'
import type {
  Binding,
  Cancel,
  CudaDevice,
  CudaReport,
  Done,
  GenerateRequest,
  GgufContents,
  GgufValue,
  NativeModel,
  NativeSequence,
  NativeStats,
  SelfDrafter,
} from '../../lib/runtime/binding'
import type { GpuPlace } from '../../lib/runtime/gpu/cuda'

export const bos = 256
export const eos = 257

/** Byte-level tokens (one per byte), BOS and EOS, then `padding` unused ones. */
export function fakeContents({
  contextLength = 65_536,
  padding = 0,
  tokens = {} as Record<number, string>,
  metadata = {},
} = {}): GgufContents {
  const names = [...byteTokens(), '<|begin_of_text|>', '<|end_of_text|>', ...Array.from({ length: padding }, (_, i) => `[PAD${258 + i}]`)]
  for (const [id, name] of Object.entries(tokens)) names[Number(id)] = name
  const all: Record<string, GgufValue> = {
    'general.architecture': 'llama',
    'general.name': 'Fake',
    'llama.block_count': 2,
    'llama.embedding_length': 64,
    'llama.feed_forward_length': 128,
    'llama.attention.head_count': 4,
    'llama.attention.head_count_kv': 2,
    'llama.context_length': contextLength,
    'llama.rope.freq_base': 500_000,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.tokens': names,
    'tokenizer.ggml.token_type': names.map((_, id) => (id < 256 ? 1 : id < 258 ? 3 : 5)),
    'tokenizer.ggml.merges': [],
    'tokenizer.ggml.bos_token_id': bos,
    'tokenizer.ggml.eos_token_id': eos,
    ...metadata,
  }
  return {
    version: 3,
    fileBytes: 123_456,
    metadata: all,
    tensors: [
      { name: 'token_embd.weight', shape: [64, names.length], type: 'Q4_K', bytes: 36 * names.length },
      { name: 'output_norm.weight', shape: [64], type: 'F32', bytes: 256 },
      { name: 'rope_freqs.weight', shape: [8], type: 'F32', bytes: 32 },
    ],
  }
}

export function nativeError(code: string, message = code): Error & { code: string } {
  return Object.assign(new Error(message), { code })
}

class FakeSequence implements NativeSequence {
  closed = false
  constructor(
    readonly owner: FakeBinding,
    readonly contextTokens: number,
    readonly kv: string,
    readonly precision: 'full' | 'draft',
    public tokens: number[] = [],
  ) {
    owner.sequences.add(this)
  }
  get length() {
    return this.tokens.length
  }
  get kvBytes() {
    return this.tokens.length * 8
  }
  fork() {
    if (this.owner.busy.has(this)) throw nativeError('ERR_BUSY')
    return new FakeSequence(this.owner, this.contextTokens, this.kv, this.precision, [...this.tokens])
  }
  truncate(length: number) {
    this.tokens.length = length
  }
  repeat(length: number) {
    this.tokens = Array.from({ length }, (_, i) => this.tokens[i % this.tokens.length]!)
  }
  fingerprint() {
    return this.tokens.join(',')
  }
  close() {
    if (this.owner.busy.has(this)) throw new Error('closed while a request uses it')
    this.closed = true
    this.owner.sequences.delete(this)
  }
}

class FakeModel implements NativeModel {
  closed = false
  readonly info
  constructor(
    readonly owner: FakeBinding,
    contents: GgufContents,
    draftCopy: boolean,
    weightsCache: string,
    gpu: CudaDevice | undefined,
  ) {
    const vocab = (contents.metadata['tokenizer.ggml.tokens'] as string[]).length
    const contextLength = contents.metadata['llama.context_length'] as number
    const shape = { layers: 2, embedding: 64, heads: 4, kvHeads: 2, headDim: 16, feedForward: 128, vocab, contextLength }
    this.info = {
      architecture: 'llama',
      ...shape,
      weightBytes: 1000,
      draftWeightBytes: draftCopy ? 280 : owner.draftWeightBytes,
      draftCopyBytes: draftCopy ? 280 : 0,
      backend: gpu ? 'cuda/sm_90' : 'cpu/fake',
      gpu: gpu && { index: gpu.index, name: gpu.name, totalBytes: gpu.totalBytes },
      threads: 2,
      kv: owner.kv,
      weightsCache: { state: weightsCache ? 'stored' : 'off', path: weightsCache && `${weightsCache}/0.weights`, reason: '' } as const,
    }
    owner.models.add(this)
  }
  createSequence({ contextTokens, kv, precision = 'full' }: Parameters<NativeModel['createSequence']>[0]) {
    if (this.closed) throw nativeError('ERR_CLOSED')
    if (this.owner.failures.createSequence) throw this.owner.failures.createSequence
    return new FakeSequence(this.owner, contextTokens, kv, precision)
  }
  close() {
    this.closed = true
    this.owner.models.delete(this)
  }
}

/** Tokens of one step of decoding. */
const roundTokens = 3
/** Tokens that must match for a continuation to be found. */
const matchTokens = 12

export class FakeBinding implements Binding {
  readonly isas = ['fake']
  readonly constants = { pageTokens: 64, maxDraftLength: 16, maxEvaluatedRows: 64, prefillTokens: 256 }
  /** Handles that are open now. */
  readonly models = new Set<FakeModel>()
  readonly sequences = new Set<FakeSequence>()
  readonly busy = new Set<NativeSequence>()
  /** What was asked of it. */
  readonly requests: GenerateRequest[] = []
  /** What each model has in its cache or, of a shared one, reads of it. */
  readonly prompts: { target: number[] | null; drafter: number[] | null }[] = []
  readonly prefilled: number[] = []
  readonly loads: { path: string; threads: number; isa: string; draftCopy: boolean; gpu?: GpuPlace | undefined }[] = []
  /** Errors that the functions of these names end with. */
  readonly failures: Partial<Record<'readGguf' | 'loadModel' | 'prefill' | 'generate' | 'createSequence', Error & { code: string }>> = {}
  /** Of models that are loaded, which have 1,000 bytes of weights: fewer stand for 8-bit matrices. */
  draftWeightBytes = 530
  /** What `kv: 'auto'` is for models that are loaded. */
  kv: 'f16' | 'bf16' = 'f16'
  /** Milliseconds between two steps of any work. */
  stepMs = 0

  constructor(readonly files: Readonly<Record<string, GgufContents>> = { 'fake.gguf': fakeContents() }) {}

  /** GPUs that a probe has found, or why there are none. */
  gpus: CudaReport = { devices: [], reason: 'no NVIDIA driver here' }
  /** What loading onto a GPU ends with. */
  gpuRefusal: (Error & { code: string }) | undefined
  shareCudaReport() {
    return JSON.stringify(this.gpus)
  }

  readGguf(path: string, onDone: Done<GgufContents>): Cancel {
    return this.#run(
      'readGguf',
      1,
      () => {},
      onDone,
      () => {
        const contents = this.files[path]
        if (!contents) throw nativeError('ERR_FILE_NOT_FOUND', `no such file: ${path}`)
        return contents
      },
    )
  }

  loadModel(
    path: string,
    options: { threads: number; isa: string; draftCopy: boolean; weightsCache?: string | undefined; gpu?: GpuPlace | undefined },
    onProgress: (bytes: number, total: number) => void,
    onDone: Done<NativeModel>,
  ): Cancel {
    this.loads.push({ path, ...options })
    return this.#run(
      'loadModel',
      4,
      (step) => onProgress(step * 250, 1000),
      onDone,
      () => {
        if (options.gpu !== undefined && this.gpuRefusal) throw this.gpuRefusal
        return new FakeModel(
          this,
          this.files[path]!,
          options.draftCopy,
          options.weightsCache ?? '',
          this.gpus.devices[options.gpu?.index ?? -1],
        )
      },
    )
  }

  prefill(sequence: NativeSequence, tokens: Int32Array, onProgress: (tokens: number) => void, onDone: Done<undefined>): Cancel {
    const fake = this.#claim(sequence)
    this.prefilled.push(tokens.length)
    const chunk = this.constants.prefillTokens
    const steps = Math.ceil(tokens.length / chunk)
    const step = (n: number) => {
      fake.tokens.push(...tokens.subarray((n - 1) * chunk, n * chunk))
      onProgress(Math.min(tokens.length, n * chunk))
    }
    return this.#run('prefill', steps, step, onDone, () => undefined, [sequence])
  }

  generate(request: GenerateRequest, onTokens: (tokens: Int32Array) => void, onDone: Done<NativeStats>): Cancel {
    this.requests.push(request)
    const target = request.target && this.#claim(request.target)
    const drafter = request.draftModel && this.#claim(request.draftModel)
    target?.tokens.push(...request.targetPending)
    drafter?.tokens.push(...request.draftPending)
    const self = target && request.selfDrafter ? selected(target.tokens, request.selfDrafter, this.constants.pageTokens) : null
    this.prompts.push({ target: target && [...target.tokens], drafter: drafter ? [...drafter.tokens] : self })
    const drafts = target !== null && (drafter !== null || self !== null)
    const reader = (target ?? drafter)!
    const { tokens, finish } = continuation(reader.tokens, request, reader.contextTokens)
    const steps = Math.max(1, Math.ceil(tokens.length / roundTokens))
    let done = 0
    const drafting = () => ({
      rounds: drafts ? Math.ceil(done / roundTokens) : 0,
      drafted: drafts ? done : 0,
      accepted: drafts ? Math.floor(done / 2) : 0,
      stepMs: 1,
      acceptance: 0.5,
    })
    const stats = (reason: NativeStats['finish']): NativeStats => ({
      rounds: Math.ceil(done / roundTokens),
      drafted: drafts ? done : 0,
      accepted: drafts ? Math.floor(done / 2) : 0,
      decodeTokens: done,
      draftedByPosition: Array.from({ length: 16 }, (_, i) => (drafts && i < roundTokens ? 2 : 0)),
      acceptedByPosition: Array.from({ length: 16 }, (_, i) => (drafts && i < roundTokens ? 1 : 0)),
      roundsOff: drafts ? 0 : Math.ceil(done / roundTokens),
      roundsModel: drafts ? Math.ceil(done / roundTokens) : 0,
      roundsCascade: 0,
      roundsNgram: 0,
      roundsOnDevice: 0,
      ngramProposed: 0,
      ngramAccepted: 0,
      // Of two drafters the self-drafter drafts nothing.
      draftModel: drafter && drafting(),
      selfDrafter: self && (drafter ? { rounds: 0, drafted: 0, accepted: 0, stepMs: 0, acceptance: 0.7 } : drafting()),
      readTokens: drafter ? request.draftPending.length : 0,
      readMs: 0,
      estimates: { draftStepMs: 1, verifyMs: Array(17).fill(1), acceptance: 0.5, ngramAcceptance: 0 },
      draftMs: 1,
      verifyMs: 1,
      finish: reason,
    })
    const step = (n: number) => {
      const part = tokens.slice((n - 1) * roundTokens, n * roundTokens)
      done += part.length
      if (part.length > 0) onTokens(Int32Array.from(part))
    }
    const sequences = [request.target, request.draftModel].filter((s) => s !== null)
    return this.#run(
      'generate',
      steps,
      step,
      onDone,
      () => stats(finish),
      sequences,
      () => stats('none'),
    )
  }

  evaluate(): Cancel {
    throw new Error('the fake has no logits')
  }

  #claim(sequence: NativeSequence): FakeSequence {
    if (!(sequence instanceof FakeSequence) || sequence.closed) throw nativeError('ERR_CLOSED')
    if (this.busy.has(sequence)) throw nativeError('ERR_BUSY')
    return sequence
  }

  /** Steps of work with the event loop free in between, as from the engine's thread; onDone once, last. */
  #run<T>(
    name: keyof FakeBinding['failures'],
    steps: number,
    step: (n: number) => void,
    onDone: Done<T>,
    result: () => T,
    uses: NativeSequence[] = [],
    partial?: () => T,
  ): Cancel {
    let cancelled = false
    for (const sequence of uses) this.busy.add(sequence)
    const end = (error: (Error & { code: string }) | null, value: T | undefined) => {
      for (const sequence of uses) this.busy.delete(sequence)
      onDone(error, value)
    }
    const tick = (n: number) => {
      if (cancelled) return end(nativeError('ERR_ABORTED'), partial?.())
      const failure = this.failures[name]
      if (failure && n >= Math.min(2, steps)) return end(failure, undefined)
      if (n > steps) {
        try {
          return end(null, result())
        } catch (error) {
          return end(error as Error & { code: string }, undefined)
        }
      }
      step(n)
      schedule(n + 1)
    }
    const schedule = (n: number) => (this.stepMs > 0 ? setTimeout(tick, this.stepMs, n) : setImmediate(tick, n))
    schedule(1)
    return () => {
      cancelled = true
    }
  }
}

/** What a drafter in the target's cache reads of it: whole pages. */
function selected(tokens: readonly number[], { ranges, tail }: SelfDrafter, pageTokens: number): number[] {
  const page = (at: number) => Math.floor(at / pageTokens)
  if (ranges.some((at) => at < 0 || at > tail) || tail > tokens.length) throw nativeError('ERR_INVALID_ARGUMENT')
  const pages = new Set<number>()
  for (let i = 0; i < ranges.length; i += 2) for (let at = page(ranges[i]!); at * pageTokens < ranges[i + 1]!; at++) pages.add(at)
  return tokens.filter((_, at) => page(at) >= page(tail) || pages.has(page(at)))
}

/** What followed the last earlier occurrence of the prompt's end. */
function continuation(prompt: number[], { maxTokens, stopTokens }: GenerateRequest, contextTokens: number) {
  const key = prompt.slice(-matchTokens).join(',')
  let at = -1
  for (let i = prompt.length - 1; i >= matchTokens && at < 0; i--) {
    if (prompt.slice(i - matchTokens, i).join(',') === key) at = i
  }
  const tokens: number[] = []
  for (let i = at; at >= 0 && i < prompt.length; i++) {
    if (stopTokens.includes(prompt[i]!)) break
    if (tokens.length === maxTokens) return { tokens, finish: 'length' as const }
    if (prompt.length + tokens.length >= contextTokens) return { tokens, finish: 'context' as const }
    tokens.push(prompt[i]!)
  }
  return { tokens, finish: 'stop' as const }
}
