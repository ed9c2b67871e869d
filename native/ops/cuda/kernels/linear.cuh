// Products of quantised weights with rows of bytes on tensor cores. A block makes kStrips strips of outputs of kTiles tiles of 8 rows. Its
// warps take turns at the pairs of groups; each sums its own in order, then the warps' sums are added in order: which pairs and which
// order depends on the columns alone, so a row has the same bits in every pass.
//
// A Format is what differs from type to type:
//   Planes              where a matrix has its planes; Format::place(PlanePlacer&, TileShape) says it
//   Pair                a lane's weights of one tile
//     load(planes, tile, lane)      tile: strip * pairs + pair
//     Group group(j)                of group j = 0, 1 of the pair, unpacked
//   Group::add(input, c)            c += the products of the group with the rows of `input`; c as mma has its sums
#pragma once
#include "ops/cuda/kernels/linear_format.h"
#include "ops/cuda/kernels/linear_layout.h"

namespace ragdraft::ops::cuda {

inline constexpr int kLinearWarps = 8, kLinearThreads = 32 * kLinearWarps;
inline constexpr int kMaxTiles = 3;  // of a block: 24 rows, a verified draft of 16 tokens and one more

template <class Format>
struct DeviceProduct {
  typename Format::Planes planes;
  const float* bias;
  float* y;
  int64_t outputs;
  unsigned first_block;  // of the grid's x
  bool accumulate;
};
template <class Format>
struct ProductBatch {
  DeviceProduct<Format> product[kMaxProducts];
  int count;
};

// One group of the 8 rows of a tile, as a lane sees it: as columns of operand B, and of the sums.
struct GroupInput {
  const Inputs& inputs;
  int64_t at;  // tile * groups + group
  int lane;

  __device__ uint2 bytes() const { return static_cast<const uint2*>(inputs.values)[at * 32 + lane]; }
  // Of the rows of c[0] and c[1], and of c[2] and c[3] as well.
  __device__ float2 scales() const { return *reinterpret_cast<const float2*>(inputs.scales + at * kTileRows + lane % 4 * 2); }
  __device__ int2 sums() const {
    const int32_t* sums = inputs.sums + at * 2 * kTileRows + lane % 4 * 2;
    const int2 first = *reinterpret_cast<const int2*>(sums), second = *reinterpret_cast<const int2*>(sums + kTileRows);
    return int2{first.x + second.x, first.y + second.y};
  }
};

template <int kStrips, int kTiles>
struct WarpSums {
  float of[kLinearWarps][kStrips][kTiles][4][32];
};

// The warps' sums, in order, to the outputs: neighbouring threads write neighbouring outputs of a row.
template <int kStrips, int kTiles, class Format>
__device__ void write_outputs(const WarpSums<kStrips, kTiles>& sums, const DeviceProduct<Format>& product, int64_t first_output,
                              int64_t first_row, int rows) {
  constexpr int kOutputs = kStrips * kStripOutputs;
  for (int i = int(threadIdx.x); i < kOutputs * kTiles * kTileRows; i += kLinearThreads) {
    const int o = i % kOutputs, r = i / kOutputs;
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

// Grid: x = kStrips strips each, product by product; y = kTiles tiles of rows each.
template <class Format, int kStrips, int kTiles>
__global__ void __launch_bounds__(kLinearThreads, 2) linear_kernel(ProductBatch<Format> batch, Inputs inputs, int rows) {
  int chosen = 0;
  while (chosen + 1 < batch.count && blockIdx.x >= batch.product[chosen + 1].first_block) chosen++;
  const DeviceProduct<Format>& product = batch.product[chosen];
  const int64_t pairs = (inputs.groups + 1) / 2;
  const int64_t strip = int64_t(blockIdx.x - product.first_block) * kStrips;
  const int64_t first_tile = int64_t(blockIdx.y) * kTiles;  // of the rows
  const int tiles = int(min(int64_t(kTiles), (rows + kTileRows - 1) / kTileRows - first_tile));
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;

  float c[kStrips][kTiles][4] = {};
  typename Format::Pair weights[kStrips], next[kStrips];
  const auto load_next = [&](int64_t pair) {
    if (pair >= pairs) return;
    for (int s = 0; s < kStrips; s++) next[s].load(product.planes, (strip + s) * pairs + pair, lane);
  };
  load_next(warp);
  for (int64_t pair = warp; pair < pairs; pair += kLinearWarps) {
    for (int s = 0; s < kStrips; s++) weights[s] = next[s];
    load_next(pair + kLinearWarps);
    for (int j = 0; j < 2; j++) {
      const int64_t group = 2 * pair + j;
      if (group >= inputs.groups) break;
      for (int s = 0; s < kStrips; s++) {
        const auto unpacked = weights[s].group(j);
        for (int tile = 0; tile < kTiles; tile++)
          if (tile < tiles) unpacked.add(GroupInput{inputs, (first_tile + tile) * inputs.groups + group, lane}, c[s][tile]);
      }
    }
  }

  auto& sums = gpu::shared<WarpSums<kStrips, kTiles>>();
  for (int s = 0; s < kStrips; s++)
    for (int tile = 0; tile < kTiles; tile++)
      for (int i = 0; i < 4; i++) sums.of[warp][s][tile][i][lane] = c[s][tile][i];
  __syncthreads();
  write_outputs(sums, product, strip * kStripOutputs, first_tile * kTileRows, rows);
}

}  // namespace ragdraft::ops::cuda
