/** The two layers of the demo model; docs/demo-model.md explains the algebra. */
import { Matrix } from './matrix'
import { dot, exactly, headDim, type Kernel, makeKernel, mixture, pairs } from './rope-kernels'

/** Layer-2 attention score (nats) of one matching block; a full match is `heads` of them. */
const matchScore = 100
/** Score of the BOS sink in blocks: what matches less copies nothing. */
const sinkBlocks = 2
/** Magnitude of the constant layer-1 key. */
const keySize = 8
/** KV head g stores its values rotated by 16 g dimensions, so that a wrong map from heads to KV heads shows. */
const valueShift = 16
/** Largest turn (rad) that a matching pair may make from the middle of the context to either end. */
const farTurn = 1
/** No more pairs than this per matching block: 12 random phases tell 4,096 tokens apart. */
const maxBlock = 12
/** The pair that turns least carries the sink. */
const slowest = pairs - 1

/** What each layer-1 head looks at: [distance, width]; width 0 is one exact earlier token, otherwise a Gaussian blur. */
const views: Readonly<Record<number, readonly (readonly [distance: number, width: number])[]>> = {
  3: [
    [1, 0],
    [2.5, 0.6],
    [6, 2],
  ],
  4: [
    [1, 0],
    [2, 0],
    [3.5, 0.6],
    [7, 1.5],
  ],
  5: [
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [7, 2],
  ],
  6: [
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 0],
    [8, 2],
  ],
}
export const headCounts: readonly number[] = Object.keys(views).map(Number)

export interface Shape {
  readonly interleaved: boolean // RoPE pairs are (2i, 2i + 1), else (i, i + 64)
  readonly heads: number
  readonly kvHeads: number
  readonly embd: number
  readonly contextTokens: number
  /** Angle per token of each RoPE pair, rad. */
  readonly frequencies: readonly number[]
}

/** Where things are in the residual stream: dimension of each part, and the size of the two constants. */
export interface Stream {
  readonly code: number // 128: phases of this token
  readonly previous: readonly number[] // per layer-1 head, 2 * block: the start of the code that it saw
  readonly out: number // 128: code of the token to be predicted
  readonly one: number // a constant
  readonly flag: number // non-zero at BOS only
  readonly oneSize: number
  readonly flagSize: number
  readonly block: number // pairs per matching block
  readonly end: number
}

export interface Layer {
  readonly q: Matrix // [heads * 128, embd]
  readonly k: Matrix // [kvHeads * 128, embd]
  readonly v: Matrix
  readonly o: Matrix // [embd, heads * 128]
}

export interface Induction {
  readonly layers: readonly [Layer, Layer]
  /** Weights of the three norms. RMSNorm divides by the stream's RMS, which the construction knows: they multiply it back. */
  readonly norms: readonly [number, number, number]
}

/** Matching uses the pairs that hardly turn within the context, slowest first. */
function slowPairs({ frequencies, contextTokens }: Shape): number[] {
  return [...frequencies.keys()].filter((i) => i !== slowest && frequencies[i]! * (contextTokens / 2) <= farTurn).reverse()
}

/** The stream's layout; block is 0 if theta and context leave no pair slow enough. */
export function planStream(shape: Shape): Stream {
  const block = Math.min(maxBlock, Math.floor(slowPairs(shape).length / shape.heads))
  const previous = Array.from({ length: shape.heads }, (_, h) => headDim + 2 * block * h)
  const out = headDim + 2 * block * shape.heads
  const one = out + headDim
  // Sizes that give every embedding an RMS of 1: 64 unit phases and the constant, or flag and constant.
  return {
    code: 0,
    previous,
    out,
    one,
    flag: one + 1,
    oneSize: Math.sqrt(shape.embd - pairs),
    flagSize: Math.sqrt(pairs),
    block,
    end: one + 2,
  }
}

export function buildInduction(shape: Shape, stream: Stream): Induction {
  const { heads, frequencies, contextTokens, embd } = shape
  const kernels = views[heads]!.map(([distance, width]) => makeKernel(frequencies, distance, width, contextTokens))
  // Energy of what the layer-1 heads wrote, of the copied code, and of the embedding.
  const written = kernels.reduce((sum, { attention }) => sum + stream.block * dot(attention, attention), 0)
  return {
    layers: [lookBack(shape, stream, kernels), matchAndCopy(shape, stream, kernels)],
    norms: [1, Math.sqrt((embd + written) / embd), Math.sqrt((embd + written + pairs) / embd)],
  }
}

/** Layer 1: constant queries and keys. Head h sees the token(s) at its distance and writes the start of their code. */
function lookBack(shape: Shape, stream: Stream, kernels: readonly Kernel[]): Layer {
  const layer = layerWithCodeValues(shape, stream)
  const { q, k, o } = layer
  for (let g = 0; g < shape.kvHeads; g++) {
    for (let i = 0; i < pairs; i++) k.add(g * headDim + pairDim(shape, i, 0), stream.one, keySize / stream.oneSize)
  }
  kernels.forEach(({ centre, weights }, h) => {
    for (let i = 0; i < pairs; i++) {
      const size = (weights[i]! * Math.sqrt(headDim)) / keySize / stream.oneSize // attention divides scores by sqrt(128)
      const turn = -shape.frequencies[i]! * centre
      q.add(h * headDim + pairDim(shape, i, 0), stream.one, size * Math.cos(turn))
      q.add(h * headDim + pairDim(shape, i, 1), stream.one, size * Math.sin(turn))
    }
    for (let j = 0; j < 2 * stream.block; j++) o.add(stream.previous[h]! + j, h * headDim + rotated(j, kvHeadOf(shape, h)), 1)
  })
  return layer
}

/**
 * Layer 2, one head. Block b of the key at position j holds what head b of layer 1 saw from j. The query asks for what that head
 * will see one step later, mixed from this token's code and from what the heads saw here. The value at j is the code of j, so a
 * match copies the token that followed. The other heads stay silent.
 */
function matchAndCopy(shape: Shape, stream: Stream, kernels: readonly Kernel[]): Layer {
  const layer = layerWithCodeValues(shape, stream)
  const { q, k, o } = layer
  const head = matchingHead(shape)
  const kvHead = kvHeadOf(shape, head)
  const [queryAt, keyAt] = [head * headDim, kvHead * headDim]
  const slow = slowPairs(shape)
  const seen = [exactly(0), ...kernels.map((kernel) => kernel.attention)]
  const sources = [stream.code, ...stream.previous]
  kernels.forEach(({ attention }, b) => {
    const wanted = [...attention.slice(1), 0]
    const mix = mixture(seen, wanted)
    const got = wanted.map((_, distance) => mix.reduce((sum, m, c) => sum + m * seen[c]![distance]!, 0))
    const size = Math.sqrt(dot(attention, attention))
    const scale = (matchScore * Math.sqrt(headDim) * size) / (stream.block * dot(wanted, got))
    for (let r = 0; r < stream.block; r++) {
      const i = slow[b * stream.block + r]!
      // Queries are turned back by half the context, so that a match nearby and one at the far end lose equally little.
      const turn = (-shape.frequencies[i]! * shape.contextTokens) / 2
      const [re, im] = [Math.cos(turn), Math.sin(turn)]
      const [real, imaginary] = [pairDim(shape, i, 0), pairDim(shape, i, 1)]
      k.add(keyAt + real, stream.previous[b]! + 2 * r, 1 / size)
      k.add(keyAt + imaginary, stream.previous[b]! + 2 * r + 1, 1 / size)
      sources.forEach((from, s) => {
        q.add(queryAt + real, from + 2 * r, scale * mix[s]! * re)
        q.add(queryAt + real, from + 2 * r + 1, -scale * mix[s]! * im)
        q.add(queryAt + imaginary, from + 2 * r, scale * mix[s]! * im)
        q.add(queryAt + imaginary, from + 2 * r + 1, scale * mix[s]! * re)
      })
    }
  })
  k.add(keyAt + pairDim(shape, slowest, 0), stream.flag, 1 / stream.flagSize)
  q.add(queryAt + pairDim(shape, slowest, 0), stream.one, (sinkBlocks * matchScore * Math.sqrt(headDim)) / stream.oneSize)
  for (let j = 0; j < headDim; j++) o.add(stream.out + j, queryAt + rotated(j, kvHead), 1)
  return layer
}

/** Zero projections but for the values: in both layers they are the token's code. */
function layerWithCodeValues({ heads, kvHeads, embd }: Shape, stream: Stream): Layer {
  const v = new Matrix(kvHeads * headDim, embd)
  for (let g = 0; g < kvHeads; g++) {
    for (let j = 0; j < headDim; j++) v.add(g * headDim + rotated(j, g), stream.code + j, 1)
  }
  return { q: new Matrix(heads * headDim, embd), k: new Matrix(kvHeads * headDim, embd), v, o: new Matrix(embd, heads * headDim) }
}

/** Dimension of component c (0 real, 1 imaginary) of RoPE pair i: Llama files interleave the pairs, Qwen2 files split them in halves. */
const pairDim = ({ interleaved }: Shape, i: number, c: 0 | 1): number => (interleaved ? 2 * i + c : i + c * pairs)

const kvHeadOf = ({ heads, kvHeads }: Shape, head: number): number => Math.floor(head / (heads / kvHeads))

/** The head of layer 2 that matches: one that a wrong map from heads to KV heads (all to the first, or in turn) sends elsewhere. */
function matchingHead(shape: Shape): number {
  for (let head = 0; head < shape.heads; head++) {
    const kvHead = kvHeadOf(shape, head)
    if (kvHead !== 0 && kvHead !== head % shape.kvHeads) return head
  }
  return shape.heads - 1
}

const rotated = (j: number, g: number): number => (j + valueShift * g) % headDim
