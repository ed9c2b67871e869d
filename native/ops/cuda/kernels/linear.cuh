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
#include "ops/cuda/kernels/linear_outputs.cuh"

namespace ragdraft::ops::cuda {

// One group of the 8 rows of a tile, as a lane sees it: as columns of operand B, and of the sums.
struct GroupInput {
  const Inputs& inputs;
  int64_t at;  // tile * groups + group
  int lane;

  __device__ uint2 bytes() const { return static_cast<const uint2*>(inputs.values)[at * 32 + lane]; }
  // Of the rows of c[0] and c[1], and of c[2] and c[3] as well.
  __device__ float2 scales() const { return *reinterpret_cast<const float2*>(inputs.scales + at * kTileRows + lane % 4 * 2); }
  // Unsigned, so that it may overflow: of rows behind the last one it is whatever lies there.
  __device__ int2 sums() const {
    const int32_t* sums = inputs.sums + at * 2 * kTileRows + lane % 4 * 2;
    const uint2 first = *reinterpret_cast<const uint2*>(sums), second = *reinterpret_cast<const uint2*>(sums + kTileRows);
    return int2{int(first.x + second.x), int(first.y + second.y)};
  }
};

// Grid: x = kStrips strips each, product by product; y = kTiles tiles of rows each.
template <class Format, int kStrips, int kTiles>
__global__ void __launch_bounds__(kLinearThreads, 2) linear_kernel(ProductBatch<Format> batch, Inputs inputs, int rows) {
  const DeviceProduct<Format>& product = product_of(batch, blockIdx.x);
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
  write_outputs(sums, product, strip * kStripOutputs, first_tile * kTileRows, rows, [](int64_t) { return 1.0f; });
}

}  // namespace ragdraft::ops::cuda
