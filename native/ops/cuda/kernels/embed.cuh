// A thread makes one element.
#pragma once
#include "ops/cuda/kernels/dequantize.cuh"
#include "ops/cuda/kernels/embed.h"

namespace ragdraft::ops::cuda {

inline constexpr int kEmbedThreads = 256;

// Grid: x = pieces of kEmbedThreads columns, y = rows.
template <tensor::DType kType>
__global__ void embed_kernel(const uint8_t* __restrict__ table, int64_t row_bytes, int64_t columns, const TokenId* __restrict__ tokens,
                             float* __restrict__ out) {
  const int64_t column = int64_t(blockIdx.x) * kEmbedThreads + threadIdx.x;
  if (column >= columns) return;
  out[int64_t(blockIdx.y) * columns + column] = element<kType>(table + tokens[blockIdx.y] * row_bytes, column);
}

}  // namespace ragdraft::ops::cuda
