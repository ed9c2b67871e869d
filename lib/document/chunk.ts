import { RagdraftError } from '../base/errors'
import { mapProgress, type Steps } from '../base/steps'
import { codePointCuts, graphemeCuts, SEPARATORS, separatorCuts } from './separators'

/** A half-open range of UTF-16 character offsets: `document.slice(start, end)`. */
export interface Span {
  /** Offset of the first code unit. */
  readonly start: number
  /** Offset after the last code unit. */
  readonly end: number
}

/** A chunk of a document: what retrieval finds. */
export interface Chunk extends Span {
  /** Position in the document, from 0. */
  readonly index: number
  /** Length in tokens, of exactly this slice. */
  readonly tokens: number
}

export interface ChunkOptions {
  /** Upper bound of a chunk's length in tokens, an integer of at least 1. */
  readonly maxTokens: number
  /** Number of tokens of a text, without special tokens. Called with pieces of the document. */
  readonly countTokens: (text: string) => number
}

// Pieces longer than this many characters per allowed token are cut further without being counted: a tokenizer may be slow on a
// giant word, and merging undoes a cut that was not needed. English has about 4.4 characters per token, code 3, Chinese 1.
const UNCOUNTED_CHARS_PER_TOKEN = 8

// Pieces shorter than maxTokens / 8 characters are counted together: that is at most about 1/32 of an English chunk, and bounds the
// number of calls by 16 per maxTokens characters whatever the text looks like.
const GRAIN_DIVISOR = 8

// Levels of `cut`: the separators, then graphemes, then code points.
const GRAPHEMES = SEPARATORS.length
const CODE_POINTS = GRAPHEMES + 1

/** A piece that is never cut again; chunks are runs of these. */
interface Leaf {
  readonly end: number
  readonly tokens: number
}

/**
 * Cuts a text into chunks of at most `maxTokens` tokens.
 *
 * The text is split at the coarsest separator (paragraph, line, sentence, clause, word, grapheme, code point), recursively where a
 * piece is too long; neighbouring pieces are then merged from the left as long as they fit. The chunks tile the text: the first
 * starts at 0, each starts where the one before ends, the last ends at `text.length`. Surrogate pairs are never split, graphemes
 * only where one alone exceeds `maxTokens`.
 *
 * Every piece is counted once, and every chunk once or twice more, because the tokens of a text are not the sum of the tokens of
 * its parts.
 *
 * A count is a step; progress is in UTF-16 code units of the text.
 *
 * @returns no chunk for the empty text.
 * @throws ERR_INVALID_ARGUMENT if one character alone has more tokens than `maxTokens`.
 */
export function* chunkSteps(text: string, { maxTokens, countTokens }: ChunkOptions): Steps<Chunk[]> {
  const limits = { maxTokens, countTokens, grain: Math.max(1, Math.floor(maxTokens / GRAIN_DIVISOR)) }
  const leaves: Leaf[] = []
  // Either half counts the text about once.
  if (text.length > 0) yield* mapProgress(split(text, 0, 0, limits, leaves), (end) => end / 2)
  return yield* mapProgress(merge(text, leaves, limits), (end) => (text.length + end) / 2)
}

interface Limits {
  readonly maxTokens: number
  readonly countTokens: (text: string) => number
  /** Characters up to which neighbouring pieces are joined before they are counted. */
  readonly grain: number
}

/** Appends the leaves of `piece`, which begins at offset `start` of the document. */
function* split(piece: string, start: number, level: number, limits: Limits, leaves: Leaf[]): Steps<void> {
  if (piece.length <= limits.maxTokens * UNCOUNTED_CHARS_PER_TOKEN) {
    const tokens = limits.countTokens(piece)
    if (tokens <= limits.maxTokens) {
      leaves.push({ end: start + piece.length, tokens })
      yield start + piece.length
      return
    }
    if (level > CODE_POINTS) {
      throw new RagdraftError(
        'ERR_INVALID_ARGUMENT',
        `maxTokens is ${limits.maxTokens}, but ${JSON.stringify(piece)} alone has ${tokens} tokens`,
        {
          details: { maxTokens: limits.maxTokens, tokens },
        },
      )
    }
  }
  let from = 0
  for (; from === 0 && level <= CODE_POINTS; level++) {
    yield start // a long text is searched for a separator that it may not have
    for (const cut of cutsAt(piece, level, limits.grain)) {
      yield* split(piece.slice(from, cut), start + from, level + 1, limits, leaves)
      from = cut
    }
  }
  yield* split(piece.slice(from), start + from, level, limits, leaves)
}

function cutsAt(piece: string, level: number, grain: number): Generator<number, void> {
  if (level === CODE_POINTS) return codePointCuts(piece)
  if (level === GRAPHEMES) return graphemeCuts(piece, grain)
  return joinShort(separatorCuts(piece, SEPARATORS[level]!), piece.length, grain)
}

/** Drops cuts between neighbours that together have at most `grain` characters. */
function* joinShort(cuts: Iterable<number>, length: number, grain: number): Generator<number, void> {
  let from = 0
  // Whether a cut is needed shows at the one after it.
  let cut: number | undefined
  for (const next of cuts) {
    if (cut !== undefined && next - from > grain) {
      yield cut
      from = cut
    }
    cut = next
  }
  if (cut !== undefined && length - from > grain) yield cut
}

function* merge(text: string, leaves: readonly Leaf[], limits: Limits): Steps<Chunk[]> {
  const chunks: Chunk[] = []
  let start = 0
  for (let first = 0; first < leaves.length; ) {
    const { count, tokens } = yield* longestRun(text, start, leaves, first, limits)
    const end = leaves[first + count - 1]!.end
    chunks.push({ index: chunks.length, start, end, tokens })
    start = end
    first += count
  }
  return chunks
}

/** How many leaves from `first` on make a chunk, and its counted tokens. Sums of leaves propose, counting the slice decides. */
function* longestRun(
  text: string,
  start: number,
  leaves: readonly Leaf[],
  first: number,
  { maxTokens, countTokens }: Limits,
): Steps<{ count: number; tokens: number }> {
  let best = { count: 1, tokens: leaves[first]!.tokens }
  let tooMany = leaves.length - first + 1
  let count = 1 + fitting(leaves, first + 1, maxTokens - best.tokens)
  while (count > best.count) {
    yield start
    const tokens = countTokens(text.slice(start, leaves[first + count - 1]!.end))
    if (tokens <= maxTokens) {
      // Separators often merge with their neighbours: where the sum was too high, the room left may hold more leaves.
      best = { count, tokens }
      count = Math.min(tooMany - 1, count + fitting(leaves, first + count, maxTokens - tokens))
    } else {
      tooMany = count
      count = Math.max(best.count, Math.min(count - 1, Math.floor((count * maxTokens) / tokens)))
    }
  }
  return best
}

/** Number of leaves from `first` on whose sum of tokens is at most `room`. */
function fitting(leaves: readonly Leaf[], first: number, room: number): number {
  let count = 0
  for (let sum = 0; first + count < leaves.length; count++) {
    sum += leaves[first + count]!.tokens
    if (sum > room) break
  }
  return count
}
