// A draft from one row of a drafter's logits: the best token, or one drawn from q. Passes to come read it in the round, so that the host
// need not wait for it.
#pragma once
#include "ops/cuda/kernels/round.h"
#include "ops/cuda/kernels/softmax.h"

namespace ragdraft::ops::cuda {

struct DraftRule {
  bool greedy;
  bool keeps_q;  // judge() will read q
};

// Draft i of the round: by the number kDraft of its position, as decoding/drafter.h. Writes result.draft[i] and q[i]. scratch:
// round_scratch_bytes(1, valid).
void draft(gpu::Stream& stream, const LogitRows& row, const DraftRule& rule, Round* round, int i, void* scratch);

}  // namespace ragdraft::ops::cuda
