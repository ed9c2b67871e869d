#pragma once
#include "ops/cuda/kernels/round/draft.h"
#include "ops/cuda/kernels/round/masses.cuh"
#include "ops/cuda/kernels/round/softmax.cuh"
#include "sampling/rng.h"

namespace ragdraft::ops::cuda {

// Inverse CDF in token order over the weights of a row that has some.
__device__ inline TokenId draw_weight(const LogitRows& row, const RowSums& sums, const Softmax& q, double inverse_temperature, double u) {
  const Mass wanted = wanted_mass(u, warp_total(sums.mass, sums.chunks));
  const Place chunk = find_place<kSumWarps>(sums.chunks, wanted, [&](int i) { return sums.mass[i]; });
  const int first = chunk.index * kChunkTokens, count = min(kChunkTokens, row.valid - first);
  const auto mass_of = [&](int i) { return weight_mass(weight_of(row.values[first + i], q.peak, inverse_temperature)); };
  return first + find_place<kSumWarps>(count, chunk.wanted, mass_of).index;
}

// One block.
__global__ void __launch_bounds__(kSumThreads) draft_kernel(LogitRows row, DraftRule rule, RowSums sums, Round* round, int i) {
  const Best<float> best = warp_best(sums.best, sums.chunks);
  TokenId token = best.token;
  if (rule.keeps_q) {
    const Softmax q = softmax_of(sums, 0);
    if (!is_finite(q.peak)) token = -1;
    if (threadIdx.x == 0) round->q[i] = q;
    if (!rule.greedy && token >= 0) {
      const double u = sampling::PositionRng(round->seed).uniform(round->position + i, sampling::Purpose::kDraft);
      token = draw_weight(row, sums, q, 1 / round->temperature, u);
    }
  }
  if (threadIdx.x == 0) round->result.draft[i] = token;
}

}  // namespace ragdraft::ops::cuda
