#include "ops/cuda/kernels/round/draft.cuh"

#include "base/error.h"
#include "ops/cuda/kernels/round/round_scratch.h"

namespace ragdraft::ops::cuda {

void draft(gpu::Stream& stream, const LogitRows& row, const DraftRule& rule, Round* round, int i, void* scratch) {
  check(rule.greedy || rule.keeps_q, Code::kInternal, "a draft is drawn from q");
  const RowSums sums = place_round_scratch(1, row.valid, scratch).p;
  row_peaks(stream, row, 1, sums);
  if (rule.keeps_q) row_masses(stream, row, 1, round, sums);
  gpu::launch(draft_kernel, gpu::Shape{dim3(1), dim3(kSumThreads)}, stream, row, rule, sums, round, i);
}

}  // namespace ragdraft::ops::cuda
