// One pass whose logits are wanted: for tests and benchmarks.
#pragma once
#include <memory>
#include <vector>

#include "runtime/engine.h"
#include "runtime/jobs/callbacks.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

inline constexpr int kMaxEvaluatedRows = 64;  // 40 MB of logits at 150,000 tokens
// Appends `tokens` (1..kMaxPassRows) in one pass; result: the logits of the last `rows` (0..kMaxEvaluatedRows) of them, [rows, vocab].
// Throws kBusy, kContextOverflow, kInvalidArgument.
std::shared_ptr<Job> evaluate_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done);

}  // namespace ragdraft::runtime
