// Products of Q8_0 weights with rows of bytes on tensor cores. A block makes kBlockOutputs outputs of kTiles tiles of 8 rows. Its warps
// take turns at the pairs of groups; each sums its own in order, then the warps' sums are added in order: which pairs and which order
// depends on the columns alone, so a row has the same bits in every pass.
#pragma once
#include "ops/cuda/kernels/linear_layout.h"

namespace ragdraft::ops::cuda {

inline constexpr int kLinearWarps = 8, kLinearThreads = 32 * kLinearWarps;
inline constexpr int kMaxProducts = 4;  // of a launch
inline constexpr int kMaxTiles = 3;     // of a block: 24 rows, a verified draft of 16 tokens and one more

struct DeviceProduct {
  Planes planes;
  const float* bias;
  float* y;
  int64_t outputs;
  unsigned first_block;  // of the grid's x
  bool accumulate;
};
struct ProductBatch {
  DeviceProduct product[kMaxProducts];
  int count;
};

// A lane's weights of the block's strips and one pair.
template <bool kDraft>
struct PairWeights {
  uint4 high[kBlockStrips], low[kDraft ? 1 : kBlockStrips];
  uint2 scales[kBlockStrips];

  __device__ void load(const Planes& planes, int64_t strip, int64_t pair, int lane) {
    for (int s = 0; s < kBlockStrips; s++) {
      const int64_t tile = (strip + s) * planes.pairs + pair;
      high[s] = gpu::load_stream(planes.high + tile * 32 + lane);
      if constexpr (!kDraft) low[s] = gpu::load_stream(planes.low + tile * 32 + lane);
      scales[s] = gpu::load_stream(planes.scales + tile * 8 + lane / 4);
    }
  }
  // Operand A of strip s and group j of the pair; at draft precision the quants without their lower halves.
  __device__ void operand(int s, int j, uint32_t (&a)[4]) const {
    constexpr uint32_t kUpper = 0xf0f0f0f0u, kLower = 0x0f0f0f0fu;
    const uint32_t highs[2] = {j == 0 ? high[s].x : high[s].z, j == 0 ? high[s].y : high[s].w};
    for (int half = 0; half < 2; half++) {
      a[2 * half] = highs[half] & kUpper;
      a[2 * half + 1] = highs[half] << 4 & kUpper;
    }
    if constexpr (!kDraft) {
      const uint32_t lows[2] = {j == 0 ? low[s].x : low[s].z, j == 0 ? low[s].y : low[s].w};
      for (int half = 0; half < 2; half++) {
        a[2 * half] |= lows[half] & kLower;
        a[2 * half + 1] |= lows[half] >> 4 & kLower;
      }
    }
  }
};

// c, of one strip and one tile, += the products of one group. scales: f16 of the lane's two outputs; at: of the tile's group.
template <bool kDraft>
__device__ inline void add_group(const Inputs& inputs, int64_t at, int lane, const uint32_t (&a)[4], uint32_t scales, float (&c)[4]) {
  const uint2 b = static_cast<const uint2*>(inputs.values)[at * 32 + lane];
  int32_t dot[4] = {};
  gpu::mma_s8(dot, a, b.x, b.y);
  const int row = 2 * (lane % 4);
  for (int i = 0; i < 4; i++) {
    const float weight = gpu::f16_to_f32(uint16_t(i < 2 ? scales & 0xffff : scales >> 16));
    const float input = inputs.scales[at * kTileRows + row + i % 2];
    if constexpr (kDraft) {  // the mean of the lower halves, 7.5, stands for them
      const int32_t* sums = inputs.sums + at * 2 * kTileRows + row + i % 2;
      c[i] = fmaf(float(2 * dot[i] + 15 * (sums[0] + sums[kTileRows])), 0.5f * weight * input, c[i]);
    } else {
      c[i] = fmaf(float(dot[i]), weight * input, c[i]);
    }
  }
}

template <int kTiles>
struct WarpSums {
  float of[kLinearWarps][kBlockStrips][kTiles][4][32];
};

// The warps' sums, in order, to the outputs: neighbouring threads write neighbouring outputs of a row.
template <int kTiles>
__device__ void write_outputs(const WarpSums<kTiles>& sums, const DeviceProduct& product, int64_t first_output, int64_t first_row,
                              int rows) {
  for (int i = int(threadIdx.x); i < kBlockOutputs * kTiles * kTileRows; i += kLinearThreads) {
    const int o = i % kBlockOutputs, r = i / kBlockOutputs;
    const int64_t output = first_output + o, row = first_row + r;
    if (output >= product.outputs || row >= rows) continue;
    const int register_of = o % kStripOutputs / 8 * 2 + r % 2, lane = o % 8 * 4 + r % kTileRows / 2;
    float sum = 0;
    for (int warp = 0; warp < kLinearWarps; warp++) sum += sums.of[warp][o / kStripOutputs][r / kTileRows][register_of][lane];
    if (product.bias) sum += product.bias[output];
    float& y = product.y[row * product.outputs + output];
    y = product.accumulate ? y + sum : sum;
  }
}

// Grid: x = kBlockOutputs outputs each, product by product; y = kTiles tiles of rows each.
template <int kTiles, bool kDraft>
__global__ void __launch_bounds__(kLinearThreads) linear_q8_kernel(ProductBatch batch, Inputs inputs, int rows) {
  int chosen = 0;
  while (chosen + 1 < batch.count && blockIdx.x >= batch.product[chosen + 1].first_block) chosen++;
  const DeviceProduct& product = batch.product[chosen];
  const Planes& planes = product.planes;
  const int64_t strip = int64_t(blockIdx.x - product.first_block) * kBlockStrips, first_tile = int64_t(blockIdx.y) * kTiles;
  const int tiles = int(min(int64_t(kTiles), (rows + kTileRows - 1) / kTileRows - first_tile));
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;

  float c[kBlockStrips][kTiles][4] = {};
  PairWeights<kDraft> weights, next;
  if (warp < planes.pairs) next.load(planes, strip, warp, lane);
  for (int64_t pair = warp; pair < planes.pairs; pair += kLinearWarps) {
    weights = next;
    if (pair + kLinearWarps < planes.pairs) next.load(planes, strip, pair + kLinearWarps, lane);
    for (int j = 0; j < 2; j++) {
      const int64_t group = 2 * pair + j;
      if (group >= inputs.groups) break;
      for (int s = 0; s < kBlockStrips; s++) {
        uint32_t a[4];
        weights.operand(s, j, a);
        const uint32_t scales = j == 0 ? weights.scales[s].x : weights.scales[s].y;
        for (int tile = 0; tile < kTiles; tile++)
          if (tile < tiles) add_group<kDraft>(inputs, (first_tile + tile) * inputs.groups + group, lane, a, scales, c[s][tile]);
      }
    }
  }

  WarpSums<kTiles>& sums = gpu::shared<WarpSums<kTiles>>();
  for (int s = 0; s < kBlockStrips; s++)
    for (int tile = 0; tile < kTiles; tile++)
      for (int i = 0; i < 4; i++) sums.of[warp][s][tile][i][lane] = c[s][tile][i];
  __syncthreads();
  write_outputs<kTiles>(sums, product, strip * kStripOutputs, first_tile * kTileRows, rows);
}

}  // namespace ragdraft::ops::cuda
