import type { SpeculationStats } from '../../lib/pipeline/statistics'

/** Of an answer in which nothing was drafted, but for `more`. */
export const speculation = (more: Partial<SpeculationStats> = {}): SpeculationStats => ({
  roundsOff: 0,
  roundsModel: 0,
  roundsCascade: 0,
  roundsNgram: 0,
  roundsOnDevice: 0,
  meanDraftLength: 0,
  ngramProposed: 0,
  ngramAccepted: 0,
  draftMs: 0,
  verifyMs: 0,
  drafters: [],
  readTokens: 0,
  readMs: 0,
  estimates: { draftStepMs: 0, verifyMs: [], acceptance: 0, ngramAcceptance: 0 },
  ...more,
})
