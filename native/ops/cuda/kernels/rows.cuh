// A thread makes one element. Grid of both kernels: x = pieces of kRowThreads columns, y = rows.
#pragma once
#include "ops/cuda/kernels/loads.cuh"
#include "ops/cuda/kernels/rows.h"

namespace ragdraft::ops::cuda {

inline constexpr int kRowThreads = 256;

template <class Format>
__global__ void embed_kernel(const Pass* __restrict__ pass, const TokenId* __restrict__ drafts, EmbeddingTable table, float* __restrict__ out) {
  const int64_t column = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  const int row = int(blockIdx.y);
  if (row >= pass->rows || column >= table.columns) return;
  TokenId token = pass->row[row].token;
  if (token < 0) token = max(drafts[unknown_draft(token)], 0);  // its own inverse
  const uint8_t* block = table.data + token * table.row_bytes + column / Format::kBlockElements * Format::kBlockBytes;
  out[row * table.columns + column] = formats::element<Format, DeviceLoads>(block, int(column % Format::kBlockElements));
}

__global__ void gather_wanted_kernel(const Pass* __restrict__ pass, const float* __restrict__ x, int64_t columns, float* __restrict__ out) {
  const int64_t column = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  const int i = int(blockIdx.y);
  if (i >= pass->wanted || column >= columns) return;
  out[i * columns + column] = x[pass->wanted_row[i] * columns + column];
}

}  // namespace ragdraft::ops::cuda
