// The best of many scores: ties go to the smallest token, and what is no number never wins. Any order of comparing gives the same.
#pragma once
#include <cmath>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/round/round.h"

namespace ragdraft::ops::cuda {

template <class Real>
__device__ Best<Real> no_best() {
  return {Real(-INFINITY), -1};
}

template <class Real>
__device__ void consider(Best<Real>& best, Real score, TokenId token) {
  const bool tie = score == best.score && token >= 0 && token < best.token;
  if (score > best.score || tie) best = {score, token};  // false for NaN, and for -infinity against no best at all
}

// For every lane of the warp.
template <class Real>
__device__ Best<Real> warp_best(Best<Real> best) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const Real score = __shfl_xor_sync(0xffffffffu, best.score, lanes);
    consider(best, score, TokenId(__shfl_xor_sync(0xffffffffu, best.token, lanes)));
  }
  return best;
}
// Of bests[0, count), for every lane of the warp.
template <class Real>
__device__ Best<Real> warp_best(const Best<Real>* bests, int count) {
  Best<Real> best = no_best<Real>();
  for (int i = int(threadIdx.x) % 32; i < count; i += 32) consider(best, bests[i].score, bests[i].token);
  return warp_best(best);
}

template <int kWarps, class Real>
struct WarpBests {
  Best<Real> of[kWarps];
};

// All threads of the block call it; thread 0 gets the best.
template <int kWarps, class Real>
__device__ Best<Real> block_best(Best<Real> best) {
  WarpBests<kWarps, Real>& warps = gpu::shared<WarpBests<kWarps, Real>>();
  best = warp_best(best);
  if (threadIdx.x % 32 == 0) warps.of[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int warp = 1; warp < kWarps; warp++) consider(best, warps.of[warp].score, warps.of[warp].token);
  __syncthreads();
  return best;
}

}  // namespace ragdraft::ops::cuda
