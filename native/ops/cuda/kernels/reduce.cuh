// Sums and maxima over a warp or a block. The order of a sum is fixed: every thread gets the same bits, in every run.
#pragma once
#include "ops/cuda/gpu.h"

namespace ragdraft::ops::cuda {

__device__ inline float warp_sum(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}
// NaNs do not count.
__device__ inline float warp_max(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, lanes));
  return value;
}
// Of lanes 0-15 and 16-31.
__device__ inline int half_warp_sum(int value) {
  for (int lanes = 8; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}

template <int kWarps>
struct WarpResults {
  float of[kWarps];
};

// All threads of the block call it. kWarps: of the block.
template <int kWarps>
__device__ float block_sum(float value) {
  WarpResults<kWarps>& results = gpu::shared<WarpResults<kWarps>>();
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) results.of[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < kWarps; warp++) sum += results.of[warp];
  __syncthreads();  // so that the memory can serve the next call
  return sum;
}
template <int kWarps>
__device__ float block_max(float value) {
  WarpResults<kWarps>& results = gpu::shared<WarpResults<kWarps>>();
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) results.of[threadIdx.x / 32] = value;
  __syncthreads();
  float largest = results.of[0];
  for (int warp = 1; warp < kWarps; warp++) largest = fmaxf(largest, results.of[warp]);
  __syncthreads();
  return largest;
}

}  // namespace ragdraft::ops::cuda
