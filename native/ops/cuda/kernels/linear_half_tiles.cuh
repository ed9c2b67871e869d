// Products of BF16 and F16 weights with many rows, as a prefill has them: a block makes 128 outputs of 128 rows. A row has the bits that
// linear_half.cuh gives it: each range of groups is summed from zero, then added to the ranges before it.
#pragma once
#include "ops/cuda/kernels/linear_half.cuh"

namespace ragdraft::ops::cuda {

// Of a block: 2 x 4 warps, each with 64 outputs of 32 rows.
inline constexpr int kWideStrips = 8, kWideTiles = 16;
inline constexpr int kWideOutputs = kWideStrips * kStripOutputs, kWideRows = kWideTiles * kTileRows;
inline constexpr int kWarpStrips = 4, kWarpTiles = 4;

// One group of the block's operands. Both sides lie as a warp takes them: 16 bytes a lane, one behind the other.
struct WideStage {
  uint4 weights[kWideStrips][2][32];
  uint4 inputs[kWideTiles][32];
};
inline constexpr int kWideStages = 4;
inline constexpr size_t kWideSharedBytes = kWideStages * sizeof(WideStage);

// Copies groups of the block's operands to shared memory.
struct WideSource {
  const uint4 *weights, *inputs;  // of the block's first strip and first tile
  int64_t groups, stride;         // stride: from a strip to the next
  int strips, tiles;              // that are there: what is behind them becomes zeros

  __device__ void request(WideStage* stages, int64_t group) const {
    if (group < groups) {
      WideStage& stage = stages[group % kWideStages];
      for (int i = int(threadIdx.x); i < kWideStrips * kGroupPieces; i += kLinearThreads) {
        const int strip = i / kGroupPieces, piece = i % kGroupPieces;
        const bool there = strip < strips;
        gpu::cp_async16(&stage.weights[0][0][0] + i, weights + (there ? strip : 0) * stride + group * kGroupPieces + piece, there);
      }
      for (int i = int(threadIdx.x); i < kWideTiles * 32; i += kLinearThreads) {
        const int tile = i / 32, lane = i % 32;
        const bool there = tile < tiles;
        gpu::cp_async16(&stage.inputs[0][0] + i, inputs + ((there ? tile : 0) * groups + group) * 32 + lane, there);
      }
    }
    gpu::cp_async_commit();
  }
};

// Grid: x = rows, so that blocks of the same weights run at the same time; y = outputs, product by product.
template <tensor::DType kType>
__global__ void __launch_bounds__(kLinearThreads) linear_half_tiles_kernel(ProductBatch<HalfFormat> batch, Inputs inputs, int rows) {
  const DeviceProduct<HalfFormat>& product = product_of(batch, blockIdx.y);
  const int64_t block_strip = int64_t(blockIdx.y - product.first_block) * kWideStrips, block_tile = int64_t(blockIdx.x) * kWideTiles;
  const int64_t strips = (product.outputs + kStripOutputs - 1) / kStripOutputs, tiles = (rows + kTileRows - 1) / kTileRows;
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int warp_strip = warp % 2 * kWarpStrips, warp_tile = warp / 2 * kWarpTiles;
  const bool has_rows = block_tile + warp_tile < tiles;

  const int64_t groups = inputs.groups, stride = strip_pieces(groups);
  const WideSource source{product.planes.pieces + block_strip * stride, static_cast<const uint4*>(inputs.values) + block_tile * groups * 32,
                          groups, stride, int(min(int64_t(kWideStrips), strips - block_strip)),
                          int(min(int64_t(kWideTiles), tiles - block_tile))};
  auto* const stages = reinterpret_cast<WideStage*>(gpu::dynamic_shared());
  for (int i = 0; i < kWideStages - 1; i++) source.request(stages, i);

  float total[kWarpStrips][kWarpTiles][4] = {};
  int64_t group = 0;
  for (int range = 0; range < kLinearWarps; range++) {
    float c[kWarpStrips][kWarpTiles][4] = {};
    for (const int64_t end = range_start(range + 1, groups); group < end; group++) {
      gpu::cp_async_wait<kWideStages - 2>();
      __syncthreads();  // the group is there for all, and all have done with the one whose place the next copies take
      source.request(stages, group + kWideStages - 1);
      if (!has_rows) continue;
      const WideStage& stage = stages[group % kWideStages];
      uint4 x[kWarpTiles];
      for (int tile = 0; tile < kWarpTiles; tile++) x[tile] = stage.inputs[warp_tile + tile][lane];
      for (int s = 0; s < kWarpStrips; s++) {
        const uint4 weights[2] = {stage.weights[warp_strip + s][0][lane], stage.weights[warp_strip + s][1][lane]};
        for (int tile = 0; tile < kWarpTiles; tile++) add_group<kType>(weights, x[tile], c[s][tile]);
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
