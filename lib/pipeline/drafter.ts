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
      ? 'beside a drafter: another model drafts with all of its weights'
      : savedShare(target) > 0
        ? undefined
        : 'for this model: it has no 8-bit (Q8_0) matrices, and was loaded without draftCopy'
  if (reason === undefined) return
  const message = `draftWeights must not be "q4" ${reason}`
  throw new RagdraftError('ERR_INVALID_ARGUMENT', message, { details: { argument: 'draftWeights' } })
}

/**
 * In `lossless` any drafter will do, and the model itself need not read anything anew: it drafts in the target's cache. In `exact` and
 * `paper` the answer's law is made of what a drafter says that has read the chunks alone.
 *
 * In `rag` mode the drafter answers and does not draft: what the user reads comes from full weights. In `exact` and `paper` the
 * drafter's distribution becomes part of the answer's, so "auto" does not round it; in `lossless` it can only cost acceptance.
 */
export function drafterOf(target: LoadedModel, drafter: LoadedModel, mode: Mode, wanted: DraftWeights): DrafterInfo {
  if (mode === 'plain' || mode === 'rag') return { kind: 'none', cache: 'none' }
  if (drafter !== target) return { kind: 'model', cache: 'own' }
  const fourBits = wanted === 'q4' || (wanted === 'auto' && mode === 'lossless' && savedShare(target) >= worthwhileShare)
  return { kind: fourBits ? 'self-q4' : 'self', cache: mode === 'lossless' ? 'shared' : 'own' }
}

/**
 * Who may draft beside the `drafter` of `open()`: in `lossless`, where lengths are automatic, the model itself in its own cache. It needs
 * no prompt of its own, and drafts until, and unless, the other's is worth reading.
 */
export function besideDrafter(target: LoadedModel, drafter: LoadedModel, mode: Mode, draftLength: number | 'auto'): DrafterInfo | null {
  if (drafter === target || mode !== 'lossless' || draftLength !== 'auto') return null
  return drafterOf(target, target, mode, 'auto')
}
