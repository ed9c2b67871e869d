// What a mode asks of the two models, settled once per answer.
#pragma once
#include "sampling/rounds.h"
#include "decoding/decoder.h"

namespace ragdraft::decoding {

using sampling::Law;

// Modes plain and rag are the target's law with one model alone, whichever it is.
struct Plan {
  Law law = Law::kTarget;
  int max_draft = 0;     // longest draft of a round
  bool drafts = false;   // a drafter takes part at all
  bool needs_q = false;  // without a drafter's row there is no token: the drafter's context limits the answer
  bool bonus_q = false;  // the token after a fully accepted draft follows the law too, hence needs q there
  bool keeps_q = false;  // q is read, not only the drafted tokens
};

Plan plan_of(const DecodeParams& params);

}  // namespace ragdraft::decoding
