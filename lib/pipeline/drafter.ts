/** Who drafts for a question: the model itself, by all bits of its weights or by four of each, another model, or nobody. */
import { RagdraftError } from '../base/errors'
import type { Mode } from '../options/ask'
import type { DraftWeights } from '../options/open'
import type { LoadedModel } from './loaded-model'

/** What drafted. */
export interface DrafterInfo {
  /**
   * `self`: the model itself, `self-q4`: itself by 4 bits of its weights (see `DraftWeights`), `model`: the `drafter` of `open()`,
   * `none`: nobody (modes `plain` and `rag`).
   */
  readonly kind: 'self' | 'self-q4' | 'model' | 'none'
  /**
   * Where it reads. `shared`: selected pages of the target's own cache, and no prompt of its own; `own`: a prompt of the retrieved
   * chunks in a cache of its own; `none`: nobody drafts.
   */
  readonly cache: 'shared' | 'own' | 'none'
}

/** What a 4-bit drafter need not read, as a share of all weights: 0.47 with 8-bit matrices alone, 0.72 with copies of 16-bit ones. */
const savedShare = ({ native }: LoadedModel) => 1 - native.info.draftWeightBytes / native.info.weightBytes

/** "auto" asks for this much: rounding a few matrices of a 4-bit model would cost acceptance and save no time. */
const worthwhileShare = 0.1

/** @throws ERR_INVALID_ARGUMENT if `wanted` is "q4" and the drafter cannot be that */
export function assertDraftWeights(target: LoadedModel, drafter: LoadedModel, wanted: DraftWeights): void {
  if (wanted !== 'q4') return
  const reason =
    drafter !== target
      ? 'together with a drafter: another model drafts with all of its weights'
      : savedShare(target) > 0
        ? undefined
        : 'for this model: it has no 8-bit (Q8_0) matrices, and was loaded without draftCopy'
  if (reason === undefined) return
  const message = `draftWeights must not be "q4" ${reason}`
  throw new RagdraftError('ERR_INVALID_ARGUMENT', message, { details: { argument: 'draftWeights' } })
}

/** Who may draft for a question; both in turn where there are two, null: nobody of the kind. */
export interface Drafters {
  /** The model itself in its own cache. */
  readonly selfDrafter: DrafterInfo | null
  /** A model, another one or the same, with a prompt of the retrieved chunks in a cache of its own. */
  readonly draftModel: DrafterInfo | null
}

/** What an answer that nobody drafts for reports as its drafter. */
export const noDrafter: DrafterInfo = { kind: 'none', cache: 'none' }

/**
 * In `lossless` any drafter will do, and the model itself need not read anything anew: it drafts in the target's cache, also next to a
 * `drafter` where lengths are automatic, until, and unless, that one's prompt is worth reading. In `exact` and `paper` the answer's
 * distribution is made of what a drafter says that has read the chunks alone. In `rag` mode the drafter answers and does not draft.
 *
 * In `exact` and `paper` "auto" does not round the drafter's weights, whose distribution becomes part of the answer's; in `lossless` rounding
 * can only cost acceptance.
 */
export function draftersOf(
  target: LoadedModel,
  drafter: LoadedModel,
  mode: Mode,
  wanted: DraftWeights,
  draftLength: number | 'auto',
): Drafters {
  if (mode === 'plain' || mode === 'rag') return { selfDrafter: null, draftModel: null }
  const another = drafter !== target
  const weights = another ? 'auto' : wanted
  const fourBits = weights === 'q4' || (weights === 'auto' && mode === 'lossless' && savedShare(target) >= worthwhileShare)
  const kind = fourBits ? 'self-q4' : 'self'
  if (mode !== 'lossless') return { selfDrafter: null, draftModel: { kind: another ? 'model' : kind, cache: 'own' } }
  return {
    selfDrafter: !another || draftLength === 'auto' ? { kind, cache: 'shared' } : null,
    draftModel: another ? { kind: 'model', cache: 'own' } : null,
  }
}
