// How kernels read rows of logits: a token's weight and share, a block's chunk.
#pragma once
#include "ops/cuda/kernels/round/best.cuh"
#include "ops/cuda/kernels/round/masses.cuh"
#include "ops/cuda/kernels/round/softmax.h"

namespace ragdraft::ops::cuda {

inline constexpr int kSumThreads = 256, kSumWarps = kSumThreads / 32;

// exp((logit - peak) / temperature) in [0, 1], the host's numbers but for the last bit; 0 where either is no finite number.
__device__ inline float weight_of(float logit, float peak, double inverse_temperature) {
  const float exponent = float((double(logit) - double(peak)) * inverse_temperature);
  return logit > -INFINITY && exponent <= 0 ? expf(exponent) : 0.0f;
}

__device__ inline bool is_finite(float x) { return fabsf(x) < INFINITY; }

// The same for every lane of the warp. Without a finite peak the scale is not finite either.
__device__ inline Softmax softmax_of(const RowSums& sums, int row) {
  const int64_t first = int64_t(row) * sums.chunks;
  const float peak = warp_best(sums.best + first, sums.chunks).score;
  return {peak, 1 / (double(warp_total(sums.mass + first, sums.chunks)) * kWeightUnit)};
}
__device__ inline float share_of(const Softmax& softmax, float logit, double inverse_temperature) {
  return float(double(weight_of(logit, softmax.peak, inverse_temperature)) * softmax.scale);
}

// Calls visit(token) for the tokens of the block's chunk, thread after thread.
template <class Visit>
__device__ void for_chunk(int valid, const Visit& visit) {
  const int first = int(blockIdx.x) * kChunkTokens, end = min(first + kChunkTokens, valid);
  for (int token = first + int(threadIdx.x); token < end; token += kSumThreads) visit(token);
}

}  // namespace ragdraft::ops::cuda
