// A round on the device, where the logits are: the passes of both models are asked for with drafts that nobody knows here, and the host waits
// once, for their outcome.
#pragma once
#include "decoding/round.h"

namespace ragdraft::decoding {

// Whether rounds without n-grams may go on where params.rounds finds the logits: they ask nothing of the host in between.
bool may_run_on_device(const Round& round);

// choice: by the drafter token by token, or no drafts. Drafting cannot stop at a stop token: what was drafted behind it is forgotten. The
// drafts are in round.text afterwards, for Round::commit() to keep those that were accepted.
RoundResult device_round(Round& round, const Choice& choice, const Situation& at);

}  // namespace ragdraft::decoding
