// Reads a text into a sequence.
#pragma once
#include <memory>
#include <variant>
#include <vector>

#include "runtime/engine.h"
#include "runtime/jobs/callbacks.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

// Appends `tokens` (0 or more) in passes of kMaxPassRows, a pass a slice; progress in tokens of this job. An abort keeps what whole passes
// wrote. Throws kBusy, kContextOverflow.
std::shared_ptr<Job> prefill_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, Progress progress,
                                 Done<std::monostate> done);

}  // namespace ragdraft::runtime
