// Products of BF16 and F16 weights on tensor cores, for a few rows: a decode, a verified draft. Reading the weights is all of the time.
//
// The chain of an output, which the kernel of many rows (linear_half_tiles.cuh) keeps: the pairs of groups are cut into kLinearWarps
// contiguous ranges; a range has one chain of mma in ascending order, starting from zero; the ranges' sums are added in order. The cut
// depends on the columns alone. The second group of an odd last pair is zeros that are multiplied like the others. Here each warp of a
// block has a range.
#pragma once
#include "ops/cuda/kernels/linear/linear_half_format.cuh"
#include "ops/cuda/kernels/linear/linear_outputs.cuh"
#include "ops/cuda/kernels/linear/linear_ring.cuh"

namespace ragdraft::ops::cuda {

// The first pair of a range; of range kLinearWarps: the number of pairs.
__device__ inline int64_t range_start(int range, int64_t pairs) { return range * pairs / kLinearWarps; }

// c += the products of one group. weights: the two pieces of a strip, input: of a tile of rows.
template <formats::DType kType>
__device__ inline void add_group(const uint4 (&weights)[2], const uint4& input, float (&c)[4]) {
  constexpr auto kMultiply = kType == formats::DType::kBF16 ? gpu::mma_bf16 : gpu::mma_f16;
  const uint32_t first[4] = {weights[0].x, weights[1].x, weights[0].y, weights[1].y};
  const uint32_t second[4] = {weights[0].z, weights[1].z, weights[0].w, weights[1].w};
  kMultiply(c, first, input.x, input.y);
  kMultiply(c, second, input.z, input.w);
}

// What the sums of a row are to be multiplied by: a power of two.
template <formats::DType kType>
__device__ inline float row_scale(const Inputs& inputs, int64_t row) {
  if constexpr (kType == formats::DType::kF16) return inputs.scales[row];
  return 1;
}

// Grid: x = kTiles tiles of rows each, so that blocks of the same weights run at the same time; y = kStrips strips each, product by
// product. Dynamic memory: half_shared_bytes().
template <formats::DType kType, int kStrips, int kTiles>
__global__ void __launch_bounds__(kLinearThreads) linear_half_kernel(ProductBatch<HalfFormat> batch, Inputs inputs, int rows) {
  const DeviceProduct<HalfFormat>& product = product_of(batch, blockIdx.y);
  const int64_t strip = int64_t(blockIdx.y - product.first_block) * kStrips, first_tile = int64_t(blockIdx.x) * kTiles;
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int64_t pairs = (inputs.groups + 1) / 2, start = 2 * range_start(warp, pairs), end = 2 * range_start(warp + 1, pairs);

  // Rows that are not there are not read: at one row the inputs are a sixteenth of the weights and not half of them.
  const int64_t rows_here = rows - first_tile * kTileRows - lane / 4;
  const uint4* const input = static_cast<const uint4*>(inputs.values) + first_tile * inputs.groups * 32 + lane;
  const auto load_input = [&](int64_t group, uint4(&x)[kTiles]) {
    const bool there = group < min(end, inputs.groups);
    for (int tile = 0; tile < kTiles; tile++)
      x[tile] = there && tile * kTileRows < rows_here ? input[(tile * inputs.groups + group) * 32] : uint4{0, 0, 0, 0};
  };

  using Ring = WeightRing<kStrips>;
  const int64_t stride = pairs * 2 * kGroupPieces;
  const uint4* const weights_of_range = product.planes.pieces + strip * stride + start * kGroupPieces + lane;
  Ring ring(gpu::dynamic_shared() + warp * Ring::kBytes, lane, weights_of_range, stride, end - start);
  float c[kStrips][kTiles][4] = {};
  uint4 next[kTiles];
  load_input(start, next);
  for (int64_t group = start; group < end; group++) {
    uint4 weights[kStrips][2], x[kTiles];
    ring.next(weights);
    for (int tile = 0; tile < kTiles; tile++) x[tile] = next[tile];
    load_input(group + 1, next);
    for (int s = 0; s < kStrips; s++)
      for (int tile = 0; tile < kTiles; tile++) add_group<kType>(weights[s], x[tile], c[s][tile]);
  }

  gpu::cp_async_wait<0>();
  __syncthreads();  // the sums take the rings' place
  auto& sums = *reinterpret_cast<WarpSums<kStrips, kTiles>*>(gpu::dynamic_shared());
  for (int s = 0; s < kStrips; s++)
    for (int tile = 0; tile < kTiles; tile++)
      for (int i = 0; i < 4; i++) sums.of[warp][s][tile][i][lane] = c[s][tile][i];
  __syncthreads();
  write_outputs(sums, product, strip * kStripOutputs, first_tile * kTileRows, rows,
                [&](int64_t row) { return row_scale<kType>(inputs, row); });
}

template <int kStrips>
constexpr size_t half_shared_bytes() {
  constexpr size_t kRings = kLinearWarps * WeightRing<kStrips>::kBytes;
  static_assert(kRings >= sizeof(WarpSums<kStrips, kMaxTiles>));
  return kRings;
}

}  // namespace ragdraft::ops::cuda
