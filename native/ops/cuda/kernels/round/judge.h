// The target's part of a round on the device: which drafts stand, and the token after them, under the output distribution of the mode, as
// decoding/verifier.h and decoding/host_round.cc decide it on the host: by the same formulas and the same random numbers.
#pragma once
#include "ops/cuda/kernels/round/round.h"
#include "ops/cuda/kernels/round/softmax.h"
#include "sampling/rounds.h"

namespace ragdraft::ops::cuda {

using sampling::OutputDistribution;

struct Trial {
  OutputDistribution output;
  bool greedy;
  int judged, rows;  // rows 0 .. judged - 1 judge the drafts of these numbers; a row after them gives a token from p alone
  LogitRows p;       // the target's logits, [rows]
  LogitRows q;       // the drafter's, [judged]; not read where choices are greedy and the output is kTarget
};

// Writes round->result but for the drafts, which draft() has written, and round->q too. scratch: round_scratch_bytes(rows, valid).
void judge(gpu::Stream& stream, const Trial& trial, Round* round, void* scratch);

}  // namespace ragdraft::ops::cuda
