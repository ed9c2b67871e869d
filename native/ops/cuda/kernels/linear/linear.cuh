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
//   kSums               whether it wants the sums of inputs
//   kTileBlocks         blocks of linear_tiles.cuh whose registers a multiprocessor shall hold
#pragma once
#include <algorithm>

#include "ops/cuda/kernels/linear/linear_outputs.cuh"

namespace ragdraft::ops::cuda {

// One group of the 8 rows of a tile, as a lane sees it. Rows that are not there are not read: at one row the inputs are a small part of
// what a block reads, all eight would be more than a third.
struct GroupInput {
  uint2 bytes{};    // operand B: of row lane / 4
  float2 scales{};  // of the rows of c[0] and c[1], which are those of c[2] and c[3] as well
  int2 sums{};      // of the same rows

  // The group's part of the arrays of Inputs, wherever it lies; rows: of the tile that are there.
  template <bool kSums>
  __device__ void load(const uint2* values, const float* row_scales, const int32_t* row_sums, int lane, int rows) {
    if (lane / 4 < rows) bytes = values[lane];
    const int row = lane % 4 * 2;
    if (row >= rows) return;
    scales = *reinterpret_cast<const float2*>(row_scales + row);
    if constexpr (!kSums) return;
    // Unsigned, so that it may overflow: of rows after the last one it is whatever lies there.
    const uint2 first = *reinterpret_cast<const uint2*>(row_sums + row), second = *reinterpret_cast<const uint2*>(row_sums + kTileRows + row);
    sums = int2{int(first.x + second.x), int(first.y + second.y)};
  }
};

// Pairs whose weights a warp has under way, beside the one that it works at: what finds room in registers. A multiprocessor of an H200 takes
// 36 bytes a nanosecond, and the memory answers after some 700: 25 KiB keep it busy.
inline constexpr int kAheadRegisters[] = {0, 48, 32, 20};  // of kTiles
template <class Format, int kStrips, int kTiles>
inline constexpr int kPairsAhead =
    std::clamp(kAheadRegisters[kTiles] / (kStrips * int(sizeof(typename Format::Pair) / sizeof(uint32_t))), 1, 4);

// Places of tiles and groups are numbers of 32 bits: an address is one multiplication then, and a matrix has far fewer tiles than 2^27.
//
// Grid: x = kTiles tiles of rows each, so that blocks of the same weights run at the same time and find them in L2; y = kStrips strips
// each, product by product.
template <class Format, int kStrips, int kTiles>
__global__ void __launch_bounds__(kLinearThreads, 2) linear_kernel(ProductBatch<Format> batch, Inputs inputs, int rows) {
  constexpr int kAhead = kPairsAhead<Format, kStrips, kTiles>, kSlots = kAhead + 1;
  constexpr bool kInputsAhead = kTiles < kMaxTiles;  // a group's: they come from L2. Three tiles compute for longer, and have no registers left
  const DeviceProduct<Format>& product = product_of(batch, blockIdx.y);
  const int groups = int(inputs.groups), pairs = (groups + 1) / 2;
  const int strip = int(blockIdx.y - product.first_block) * kStrips;
  const int first_tile = int(blockIdx.x) * kTiles;  // of the rows
  const int rows_here = min(kTiles * kTileRows, rows - first_tile * kTileRows);
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;

  const auto load_weights = [&](int pair, typename Format::Pair(&to)[kStrips]) {
    if (pair >= pairs) return;
    for (int s = 0; s < kStrips; s++) to[s].load(product.planes, unsigned((strip + s) * pairs + pair), unsigned(lane));
  };
  const auto load_input = [&](int group, int tile, GroupInput& to) {
    if (group >= groups) return;
    const unsigned at = unsigned((first_tile + tile) * groups + group);
    to.template load<Format::kSums>(static_cast<const uint2*>(inputs.values) + at * 32u, inputs.scales + at * unsigned(kTileRows),
                                    inputs.sums + at * unsigned(2 * kTileRows), lane, rows_here - tile * kTileRows);
  };

  float c[kStrips][kTiles][4] = {};
  typename Format::Pair weights[kSlots][kStrips];  // a ring: the warp's pairs, kAhead of them under way
  RAGDRAFT_UNROLL
  for (int i = 0; i < kAhead; i++) load_weights(warp + i * kLinearWarps, weights[i]);
  GroupInput next[kTiles];
  if (kInputsAhead)
    for (int tile = 0; tile < kTiles; tile++) load_input(2 * warp, tile, next[tile]);
  for (int first = warp; first < pairs; first += kSlots * kLinearWarps) {
    RAGDRAFT_UNROLL
    for (int slot = 0; slot < kSlots; slot++) {
      const int pair = first + slot * kLinearWarps;
      if (pair >= pairs) break;
      load_weights(pair + kAhead * kLinearWarps, weights[(slot + kAhead) % kSlots]);
      RAGDRAFT_UNROLL
      for (int j = 0; j < 2; j++) {
        const int group = 2 * pair + j;
        if (group >= groups) break;
        typename Format::Group unpacked[kStrips];
        for (int s = 0; s < kStrips; s++) unpacked[s] = weights[slot][s].group(j);
        for (int tile = 0; tile < kTiles; tile++) {
          if (tile * kTileRows >= rows_here) break;
          if (!kInputsAhead) load_input(group, tile, next[tile]);
          const GroupInput input = next[tile];
          if (kInputsAhead) load_input(j == 0 ? group + 1 : 2 * (pair + kLinearWarps), tile, next[tile]);
          for (int s = 0; s < kStrips; s++) unpacked[s].add(input, c[s][tile]);
        }
      }
    }
  }

  auto& sums = gpu::shared<WarpSums<kStrips, kTiles>>();
  for (int s = 0; s < kStrips; s++)
    for (int tile = 0; tile < kTiles; tile++)
      for (int i = 0; i < 4; i++) sums.of[warp][s][tile][i][lane] = c[s][tile][i];
  __syncthreads();
  write_outputs(sums, product, int64_t(strip) * kStripOutputs, int64_t(first_tile) * kTileRows, rows, [](int64_t) { return 1.0f; });
}

}  // namespace ragdraft::ops::cuda
