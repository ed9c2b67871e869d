// What a mode asks of the two models, settled once for an answer.
#pragma once
#include "decoding/decode_params.h"
#include "sampling/rounds.h"

namespace ragdraft::decoding {

using sampling::OutputDistribution;

// Modes plain and rag are decoding by one model alone, whichever it is.
struct ModeTraits {
  OutputDistribution output = OutputDistribution::kTarget;
  int max_draft = 0;     // longest draft of a round, 0..kMaxDraftTokens
  bool drafts = false;   // a drafter takes part at all
  bool needs_q = false;  // without a drafter's row there is no token: the drafter's context limits the answer
  bool bonus_q = false;  // the token after a fully accepted draft follows the same distribution, hence needs q there
  bool keeps_q = false;  // q is read, not only the drafted tokens
};

ModeTraits traits_of(const DecodeParams& params);

}  // namespace ragdraft::decoding
