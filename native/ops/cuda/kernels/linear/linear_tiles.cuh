// Products of quantised weights with many rows, as a prefill has them: a block makes 128 outputs of 64 rows. A row has the bits that
// linear.cuh gives it: what a warp sums there, every eighth pair, is a turn here, summed from zero and added to the turns before it.
// Each warp has 32 outputs of 32 rows, so that it unpacks a group once for four tiles. Its weights go straight to registers, two warps
// read the same ones; inputs are in shared memory for all.
#pragma once
#include "ops/cuda/kernels/linear/linear.cuh"

namespace ragdraft::ops::cuda {

inline constexpr int kManyStrips = 8, kManyTiles = 8;  // of a block: 4 x 2 warps
inline constexpr int kManyOutputs = kManyStrips * kStripOutputs, kManyRows = kManyTiles * kTileRows;
inline constexpr int kStripsOfWarp = 2, kTilesOfWarp = 4;
static_assert(kStripsOfWarp == kMaxStrips, "a warp's strips are all there or none is: matrices are padded so");

// The inputs of one pair of groups, as Inputs has them.
struct ManyStage {
  uint4 values[kManyTiles][2][16];
  uint4 scales[kManyTiles][2][2];
  uint4 sums[kManyTiles][2][4];
};
inline constexpr int kManyStages = 3;
// The threads' totals of the turns that are done: they are touched eight times, and registers for two blocks matter more.
struct ManyTotals {
  float of[kStripsOfWarp][kTilesOfWarp][4][kLinearThreads];
};
inline constexpr size_t kManySharedBytes = sizeof(ManyTotals) + kManyStages * sizeof(ManyStage);  // 49 KiB

// The pair behind this one in the order of turns; `pairs` after the last one.
__device__ inline int pair_after(int pair, int pairs) {
  if (pair >= pairs) return pairs;
  if (pair + kLinearWarps < pairs) return pair + kLinearWarps;
  const int turn = pair % kLinearWarps + 1;
  return turn < kLinearWarps && turn < pairs ? turn : pairs;
}

// Copies the block's inputs to shared memory. What is not there becomes zeros.
struct ManySource {
  const Inputs& inputs;
  int first_tile, tiles;

  template <int kPieces>  // of a group
  __device__ void copy(uint4 (&to)[kManyTiles][2][kPieces], const void* from, int pair) const {
    for (int i = int(threadIdx.x); i < kManyTiles * 2 * kPieces; i += kLinearThreads) {
      const int tile = i / (2 * kPieces), piece = i % (2 * kPieces);
      const bool there = tile < tiles && 2 * pair + piece / kPieces < inputs.groups;
      const unsigned at = there ? unsigned((first_tile + tile) * int(inputs.groups) + 2 * pair) * kPieces + unsigned(piece) : 0;
      gpu::cp_async16(&to[0][0][0] + i, static_cast<const uint4*>(from) + at, there);
    }
  }
  template <bool kSums>
  __device__ void request(ManyStage& stage, int pair) const {
    if (2 * pair < inputs.groups) {
      copy(stage.values, inputs.values, pair);
      copy(stage.scales, inputs.scales, pair);
      if constexpr (kSums) copy(stage.sums, inputs.sums, pair);
    }
    gpu::cp_async_commit();
  }
};

// Grid: x = rows, so that blocks of the same weights run at the same time; y = outputs, product by product.
template <class Format>
__global__ void __launch_bounds__(kLinearThreads, Format::kTileBlocks) linear_tiles_kernel(ProductBatch<Format> batch, Inputs inputs, int rows) {
  const DeviceProduct<Format>& product = product_of(batch, blockIdx.y);
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int groups = int(inputs.groups), pairs = (groups + 1) / 2;
  const int block_tile = int(blockIdx.x) * kManyTiles, tiles = (rows + kTileRows - 1) / kTileRows;
  const int strip = int(blockIdx.y - product.first_block) * kManyStrips + warp % 4 * kStripsOfWarp;
  const int warp_tile = warp / 4 * kTilesOfWarp;
  const bool works = int64_t(strip) * kStripOutputs < product.outputs && block_tile + warp_tile < tiles;

  const ManySource source{inputs, block_tile, min(kManyTiles, tiles - block_tile)};
  auto& totals = *reinterpret_cast<ManyTotals*>(gpu::dynamic_shared());
  auto* const stages = reinterpret_cast<ManyStage*>(gpu::dynamic_shared() + sizeof(ManyTotals));
  static_assert(kManyStages == 3, "two pairs are under way");
  source.template request<Format::kSums>(stages[0], 0);
  source.template request<Format::kSums>(stages[1], pair_after(0, pairs));

  typename Format::Pair weights[kStripsOfWarp];
  const auto load_weights = [&](int pair) {
    if (!works || pair >= pairs) return;
    for (int s = 0; s < kStripsOfWarp; s++) weights[s].load(product.planes, unsigned((strip + s) * pairs + pair), unsigned(lane));
  };
  load_weights(0);

  int full = 0;
  for (int turn = 0; turn < kLinearWarps; turn++) {
    float c[kStripsOfWarp][kTilesOfWarp][4] = {};
    for (int pair = turn; pair < pairs; pair += kLinearWarps) {
      gpu::cp_async_wait<kManyStages - 2>();
      __syncthreads();  // the pair is there for all, and all have done with the one whose place the next copies take
      source.template request<Format::kSums>(stages[full == 0 ? 2 : full - 1], pair_after(pair_after(pair, pairs), pairs));
      const ManyStage& stage = stages[full];
      full = full == 2 ? 0 : full + 1;
      if (!works) continue;
      RAGDRAFT_UNROLL
      for (int j = 0; j < 2; j++) {
        typename Format::Group unpacked[kStripsOfWarp];
        for (int s = 0; s < kStripsOfWarp; s++) unpacked[s] = weights[s].group(j);
        if (j == 1) load_weights(pair_after(pair, pairs));  // while the second group is added
        if (2 * pair + j >= groups) break;
        RAGDRAFT_UNROLL
        for (int t = 0; t < kTilesOfWarp; t++) {
          const int tile = warp_tile + t;
          GroupInput input;
          input.template load<Format::kSums>(reinterpret_cast<const uint2*>(stage.values[tile][j]),
                                             reinterpret_cast<const float*>(stage.scales[tile][j]),
                                             reinterpret_cast<const int32_t*>(stage.sums[tile][j]), lane, kTileRows);
          for (int s = 0; s < kStripsOfWarp; s++) unpacked[s].add(input, c[s][t]);
        }
      }
    }
    for (int s = 0; s < kStripsOfWarp; s++)
      for (int t = 0; t < kTilesOfWarp; t++)
        for (int i = 0; i < 4; i++) {
          float& total = totals.of[s][t][i][threadIdx.x];
          total = (turn == 0 ? 0.0f : total) + c[s][t][i];
        }
  }
  gpu::cp_async_wait<0>();
  if (!works) return;

  // Eight lanes write 32 bytes of a row.
  RAGDRAFT_UNROLL
  for (int s = 0; s < kStripsOfWarp; s++)
    RAGDRAFT_UNROLL
    for (int t = 0; t < kTilesOfWarp; t++)
      RAGDRAFT_UNROLL
      for (int i = 0; i < 4; i++) {
        const int64_t output = int64_t(strip + s) * kStripOutputs + i / 2 * 8 + lane / 4;
        const int64_t row = int64_t(block_tile + warp_tile + t) * kTileRows + lane % 4 * 2 + i % 2;
        if (output < product.outputs && row < rows) write_output(product, output, row, totals.of[s][t][i][threadIdx.x]);
      }
}

}  // namespace ragdraft::ops::cuda
