// What the kernels of all types share: the products of a launch, and the way from the sums of a block's warps to outputs.
#pragma once
#include "ops/cuda/kernels/linear/linear_format.h"
#include "ops/cuda/kernels/linear/linear_layout.h"

namespace ragdraft::ops::cuda {

inline constexpr int kLinearWarps = 8, kLinearThreads = 32 * kLinearWarps;
inline constexpr int kMaxTiles = 3;  // of a block: 24 rows, a verified draft of 16 tokens and one more

template <class Format>
struct DeviceProduct {
  typename Format::Planes planes;
  const float* bias;
  float* y;
  int64_t outputs;
  unsigned first_block;  // of those that share out the outputs of all products
  bool accumulate;
};
template <class Format>
struct ProductBatch {
  DeviceProduct<Format> product[kMaxProducts];
  int count;
};

// The product that block `block` works for.
template <class Format>
__device__ const DeviceProduct<Format>& product_of(const ProductBatch<Format>& batch, unsigned block) {
  int chosen = 0;
  while (chosen + 1 < batch.count && block >= batch.product[chosen + 1].first_block) chosen++;
  return batch.product[chosen];
}

template <class Format>
__device__ void write_output(const DeviceProduct<Format>& product, int64_t output, int64_t row, float sum) {
  if (product.bias) sum += product.bias[output];
  float& y = product.y[row * product.outputs + output];
  y = product.accumulate ? y + sum : sum;
}

template <int kStrips, int kTiles>
struct WarpSums {
  float of[kLinearWarps][kStrips][kTiles][4][32];
};

// The warps' sums, in order, times the scale of their row, to the outputs: neighbouring threads write neighbouring outputs of a row.
template <int kStrips, int kTiles, class Format, class RowScale>
__device__ void write_outputs(const WarpSums<kStrips, kTiles>& sums, const DeviceProduct<Format>& product, int64_t first_output,
                              int64_t first_row, int rows, RowScale row_scale) {
  constexpr int kOutputs = kStrips * kStripOutputs;
  for (int i = int(threadIdx.x); i < kOutputs * kTiles * kTileRows; i += kLinearThreads) {
    const int o = i % kOutputs, r = i / kOutputs;
    const int64_t output = first_output + o, row = first_row + r;
    if (output >= product.outputs || row >= rows) continue;
    const int register_of = o % kStripOutputs / 8 * 2 + r % 2, lane = o % 8 * 4 + r % kTileRows / 2;
    float sum = 0;
    for (int warp = 0; warp < kLinearWarps; warp++) sum += sums.of[warp][o / kStripOutputs][r / kTileRows][register_of][lane];
    write_output(product, output, row, sum * row_scale(row));
  }
}

}  // namespace ragdraft::ops::cuda
