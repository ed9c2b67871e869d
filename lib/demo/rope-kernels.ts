/**
 * RoPE as a computing device. A constant query against a constant key scores sum_i w_i cos(f_i (D - centre)) at distance D, because
 * rotation is all that happens to them: attention that looks at a distance, whatever the tokens are.
 */

export const headDim = 128
/** RoPE turns 64 pairs of dimensions per head. */
export const pairs = headDim / 2

/** Nats between the wanted distance and its neighbours in an exact head. */
const sharpness = 18
/** Slower pairs cannot tell neighbouring distances apart. */
const slowestUseful = 1e-4
/** Distances that attention is followed up to; kernels have their mass within a dozen. */
const span = 40

/** Parameters of Llama 3.1's frequency scaling; its published values are the defaults. */
export interface Llama3Scaling {
  readonly factor?: number
  readonly low?: number
  readonly high?: number
  readonly original?: number
}

/** Divisors of the `count` frequencies theta^(-i / count), as a GGUF stores them in rope_freqs.weight. */
export function llama3Factors(theta: number, count: number, scaling: Llama3Scaling = {}): Float32Array {
  const { factor = 8, low = 1, high = 4, original = 8192 } = scaling
  return Float32Array.from({ length: count }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** (i / count)
    if (wavelength < original / high) return 1
    if (wavelength > original / low) return factor
    const smooth = (original / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

export interface Kernel {
  /** Distance that it looks at. */
  readonly centre: number
  /** w_i of each pair. */
  readonly weights: Float64Array
  /** Attention that the softmax gives to distances 0, 1, ..., 39. */
  readonly attention: readonly number[]
}

/** The kernel around `centre`: a single distance if width is 0, else a Gaussian of that standard deviation. */
export function makeKernel(frequencies: readonly number[], centre: number, width: number, contextTokens: number): Kernel {
  const fast = frequencies.filter((f) => isUsed(f, width))
  const total = (term: (f: number) => number): number => fast.reduce((sum, f) => sum + term(f), 0)
  // Equal weights w. Exact: one step off costs w * sum(1 - cos f) = sharpness. Gaussian: the curvature w * sum(f^2) is 1 / width^2.
  const w = width === 0 ? sharpness / total((f) => 1 - Math.cos(f)) : 1 / (width * width * total((f) => f * f))
  const mass = (distance: number): number => Math.exp(w * (total((f) => Math.cos(f * (distance - centre))) - fast.length))
  const near = Array.from({ length: span }, (_, distance) => mass(distance))
  let all = near.reduce((a, b) => a + b, 0)
  for (let distance = span; distance < contextTokens; ) {
    const step = distance < 4096 ? 1 : 7 // far distances are sampled: only their sum matters
    all += mass(distance) * step
    distance += step
  }
  return { centre, weights: Float64Array.from(frequencies, (f) => (isUsed(f, width) ? w : 0)), attention: near.map((m) => m / all) }
}

// A blur must not see its own repetition: pairs that turn too far within its width are left out.
const isUsed = (f: number, width: number): boolean => f > slowestUseful && (width === 0 || f <= 0.3 / width)

/** Attention on exactly one distance. */
export const exactly = (distance: number): number[] => Array.from({ length: span }, (_, d) => (d === distance ? 1 : 0))

export const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)

/** Least squares: the factors with which the columns come nearest to `target` (normal equations, Gauss-Jordan). */
export function mixture(columns: readonly (readonly number[])[], target: readonly number[]): number[] {
  const ridge = 1e-6 // columns may be nearly parallel
  const rows = columns.map((a, r) => [...columns.map((b, c) => dot(a, b) + (r === c ? ridge : 0)), dot(a, target)])
  for (let c = 0; c < rows.length; c++) {
    const pivotRow = rows[c]!.map((x) => x / rows[c]![c]!)
    for (let r = 0; r < rows.length; r++) {
      const factor = rows[r]![c]!
      rows[r] = r === c ? pivotRow : rows[r]!.map((x, k) => x - factor * pivotRow[k]!)
    }
  }
  return rows.map((row) => row[columns.length]!)
}
