// Products of BF16 and F16 weights with many rows, as a prefill has them: a block makes 128 outputs of 128 rows. A row has the bits that
// linear_half.cuh gives it: each range of pairs is summed from zero, then added to the ranges before it.
#pragma once
#include "ops/cuda/kernels/linear/linear_half.cuh"

namespace ragdraft::ops::cuda {

// Of a block: 2 x 4 warps, each with 64 outputs of 32 rows.
inline constexpr int kWideStrips = 8, kWideTiles = 16;
inline constexpr int kWideOutputs = kWideStrips * kStripOutputs, kWideRows = kWideTiles * kTileRows;
inline constexpr int kWarpStrips = 4, kWarpTiles = 4;

// One pair of groups of the block's operands. Both sides lie as a warp takes them: 16 bytes a lane, one after the other.
struct WideStage {
  uint4 weights[kWideStrips][2][2][32];
  uint4 inputs[kWideTiles][2][32];
};
inline constexpr int kWideStages = 3;
inline constexpr size_t kWideSharedBytes = kWideStages * sizeof(WideStage);  // 96 KiB, which every device since sm_80 has

// Copies pairs of the block's operands to shared memory.
struct WideSource {
  const uint4 *weights, *inputs;  // of the block's first strip and first tile
  int64_t groups, pairs;
  int strips, tiles;              // that are there: what is after them becomes zeros

  __device__ void request(WideStage* stages, int64_t pair) const {
    if (pair < pairs) {
      WideStage& stage = stages[pair % kWideStages];
      constexpr int kWeightPieces = 2 * kGroupPieces, kInputPieces = 2 * 32;
      for (int i = int(threadIdx.x); i < kWideStrips * kWeightPieces; i += kLinearThreads) {
        const int strip = i / kWeightPieces;
        const bool there = strip < strips;
        const uint4* from = weights + ((there ? strip : 0) * pairs + pair) * kWeightPieces + i % kWeightPieces;
        gpu::cp_async16(&stage.weights[0][0][0][0] + i, from, there);
      }
      for (int i = int(threadIdx.x); i < kWideTiles * kInputPieces; i += kLinearThreads) {
        const int tile = i / kInputPieces, piece = i % kInputPieces;
        const bool there = tile < tiles && 2 * pair + piece / 32 < groups;
        gpu::cp_async16(&stage.inputs[0][0][0] + i, inputs + (there ? (tile * groups + 2 * pair) * 32 + piece : 0), there);
      }
    }
    gpu::cp_async_commit();
  }
};

// Grid: x = rows, so that blocks of the same weights run at the same time; y = outputs, product by product.
template <formats::DType kType>
__global__ void __launch_bounds__(kLinearThreads) linear_half_tiles_kernel(ProductBatch<HalfFormat> batch, Inputs inputs, int rows) {
  const DeviceProduct<HalfFormat>& product = product_of(batch, blockIdx.y);
  const int64_t block_strip = int64_t(blockIdx.y - product.first_block) * kWideStrips, block_tile = int64_t(blockIdx.x) * kWideTiles;
  const int64_t strips = (product.outputs + kStripOutputs - 1) / kStripOutputs, tiles = (rows + kTileRows - 1) / kTileRows;
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int warp_strip = warp % 2 * kWarpStrips, warp_tile = warp / 2 * kWarpTiles;
  const bool has_rows = block_tile + warp_tile < tiles;

  const int64_t groups = inputs.groups, pairs = (groups + 1) / 2;
  const WideSource source{product.planes.pieces + block_strip * pairs * 2 * kGroupPieces,
                          static_cast<const uint4*>(inputs.values) + block_tile * groups * 32,
                          groups,
                          pairs,
                          int(min(int64_t(kWideStrips), strips - block_strip)),
                          int(min(int64_t(kWideTiles), tiles - block_tile))};
  auto* const stages = reinterpret_cast<WideStage*>(gpu::dynamic_shared());
  for (int i = 0; i < kWideStages - 1; i++) source.request(stages, i);

  float total[kWarpStrips][kWarpTiles][4] = {};
  int64_t pair = 0;
  for (int range = 0; range < kLinearWarps; range++) {
    float c[kWarpStrips][kWarpTiles][4] = {};
    for (const int64_t end = range_start(range + 1, pairs); pair < end; pair++) {
      gpu::cp_async_wait<kWideStages - 2>();
      __syncthreads();  // the pair is there for all, and all have done with the one whose place the next copies take
      source.request(stages, pair + kWideStages - 1);
      if (!has_rows) continue;
      const WideStage& stage = stages[pair % kWideStages];
      for (int j = 0; j < 2; j++) {
        uint4 x[kWarpTiles];
        for (int tile = 0; tile < kWarpTiles; tile++) x[tile] = stage.inputs[warp_tile + tile][j][lane];
        for (int s = 0; s < kWarpStrips; s++) {
          const uint4 weights[2] = {stage.weights[warp_strip + s][j][0][lane], stage.weights[warp_strip + s][j][1][lane]};
          for (int tile = 0; tile < kWarpTiles; tile++) add_group<kType>(weights, x[tile], c[s][tile]);
        }
      }
    }
    for (int s = 0; s < kWarpStrips; s++)
      for (int tile = 0; tile < kWarpTiles; tile++)
        for (int i = 0; i < 4; i++) total[s][tile][i] += c[s][tile][i];
  }
  gpu::cp_async_wait<0>();

  // Eight lanes write 32 bytes of a row.
  RAGDRAFT_UNROLL
  for (int s = 0; s < kWarpStrips; s++)
    RAGDRAFT_UNROLL
    for (int tile = 0; tile < kWarpTiles; tile++)
      RAGDRAFT_UNROLL
      for (int i = 0; i < 4; i++) {
        const int64_t output = (block_strip + warp_strip + s) * kStripOutputs + i / 2 * 8 + lane / 4;
        const int64_t row = (block_tile + warp_tile + tile) * kTileRows + lane % 4 * 2 + i % 2;
        if (output < product.outputs && row < rows) write_output(product, output, row, total[s][tile][i] * row_scale<kType>(inputs, row));
      }
}

}  // namespace ragdraft::ops::cuda
