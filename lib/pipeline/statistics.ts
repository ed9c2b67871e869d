/** What the draft policy chose for an answer, and why. */
import type { NativeStats } from '../runtime/binding'
import type { DrafterInfo, Drafters } from './drafter'

/** What one drafter did in an answer, and what the choice among several rests on. */
export interface DrafterStats extends DrafterInfo {
  /** Rounds that it drafted, token by token or as the judge of n-grams. */
  readonly rounds: number
  readonly drafted: number
  /** Of these, the ones that stand. */
  readonly accepted: number
  /** Estimate at the end of the answer, as in `estimates`: of one step, in ms; 0 before any. */
  readonly stepMs: number
  /** Estimate: probability that a token it drafts stands if those before it do. */
  readonly acceptance: number
}

/** How the rounds of an answer drafted, and the estimates that the choices rest on. Times in ms. */
export interface SpeculationStats {
  /** Plain steps of the target: drafting did not pay, or it would not have fitted. */
  readonly roundsOff: number
  /** Rounds drafted token by token. */
  readonly roundsModel: number
  /** Rounds in which the drafter checked an n-gram proposal in one pass, and perhaps drafted on. */
  readonly roundsCascade: number
  /** Rounds in which the target checked an n-gram proposal itself (`lossless`). */
  readonly roundsNgram: number
  /** Of all these rounds, those whose drafts were drawn and judged on the GPU while the host waited once; 0 on the CPU. */
  readonly roundsOnDevice: number
  /** Drafted tokens per round that drafted; 0 without any. */
  readonly meanDraftLength: number
  /** Tokens proposed from repeated text, and how many of them the drafter or the target confirmed. */
  readonly ngramProposed: number
  readonly ngramAccepted: number
  /** Time spent drafting and verifying. */
  readonly draftMs: number
  readonly verifyMs: number
  /**
   * Who could draft: two in `lossless` with a `drafter` and automatic lengths, the model itself and that one; else one, or none. Rounds
   * go to whichever should finish the answer sooner, by step time, acceptance, and what it would have to read first.
   */
  readonly drafters: readonly DrafterStats[]
  /** Tokens that a `drafter` read while the answer was under way, of its prompt and of what it sat out, and the time for it. */
  readonly readTokens: number
  readonly readMs: number
  /** At the end of the answer; kept for the next question to the document. Costs are 0 where nothing was measured. */
  readonly estimates: {
    /** Of one step of the drafter. */
    readonly draftStepMs: number
    /** Entry i: of a pass of the target over i + 1 tokens, 17 entries. */
    readonly verifyMs: readonly number[]
    /** Probability that a drafted token stands if those before it do. */
    readonly acceptance: number
    /** The same of an n-gram's token before the target, whether it was used or not; 0 before any. */
    readonly ngramAcceptance: number
  }
}

export function speculationStats(native: NativeStats, { selfDrafter, draftModel }: Drafters): SpeculationStats {
  const { roundsOff, roundsModel, roundsCascade, roundsNgram, roundsOnDevice } = native
  const { ngramProposed, ngramAccepted, draftMs, verifyMs, estimates } = native
  const drafting = roundsModel + roundsCascade + roundsNgram
  const drafters: DrafterStats[] = []
  if (selfDrafter && native.selfDrafter) drafters.push({ ...selfDrafter, ...native.selfDrafter })
  if (draftModel && native.draftModel) drafters.push({ ...draftModel, ...native.draftModel })
  return {
    roundsOff,
    roundsModel,
    roundsCascade,
    roundsNgram,
    roundsOnDevice,
    meanDraftLength: drafting > 0 ? native.drafted / drafting : 0,
    ngramProposed,
    ngramAccepted,
    draftMs,
    verifyMs,
    drafters,
    readTokens: native.readTokens,
    readMs: native.readMs,
    estimates,
  }
}
