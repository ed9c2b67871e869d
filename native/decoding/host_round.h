// A round that the host goes through draft by draft: the drafter writes, the target scores all drafts in one pass, and each is judged here.
#pragma once
#include <span>

#include "decoding/round.h"

namespace ragdraft::decoding {

// choice, at: what was chosen, and among what. ngram: the proposal's tokens that the choice uses. The drafts are in round.text afterwards, for
// Round::commit() to keep those that were accepted.
RoundResult host_round(Round& round, const Choice& choice, const Situation& at, std::span<const TokenId> ngram);

}  // namespace ragdraft::decoding
