// Products of F32 weights by fused additions; such matrices are rare. A warp makes four outputs of a tile of rows. A lane sums every 32nd
// column in ascending order, then the lanes are added as a tree: for every row the same.
//   uint4[4 outputs][pair][2][lane]   columns lane and 32 + lane of the pair, of outputs 0 and 1; in the second array of outputs 2 and 3
#pragma once
#include "ops/cuda/kernels/linear/linear_launch.cuh"
#include "ops/cuda/kernels/linear/linear_ring.cuh"
#include "ops/cuda/kernels/reduce.cuh"

namespace ragdraft::ops::cuda {

inline constexpr int kQuadOutputs = 4;
inline constexpr int kF32Outputs = kLinearWarps * kQuadOutputs;  // of a block
static_assert(kF32Outputs <= kMaxStrips * kStripOutputs, "blocks may look as far as a matrix is padded");

struct F32Format {
  struct Planes {
    uint4* pieces;
  };
  static Planes place(PlanePlacer& placer, const TileShape& shape) {
    return {placer.place<uint4>(shape.tiles() * (kStripOutputs / kQuadOutputs) * kGroupPieces)};
  }

  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    const auto* values = reinterpret_cast<const uint32_t*>(raw.data);
    const int64_t pairs = (raw.columns + 2 * kGroupInputs - 1) / (2 * kGroupInputs);
    const int64_t first_quad = tile / pairs * (kStripOutputs / kQuadOutputs);
    for (int o = 0; o < kStripOutputs; o += 2) {
      uint32_t words[4] = {};
      for (int i = 0; i < 4; i++) {
        const int64_t row = strip * kStripOutputs + o + i / 2, column = (2 * pair + i % 2) * kGroupInputs + lane;
        if (row < raw.rows && column < raw.columns) words[i] = values[row * raw.columns + column];
      }
      const int64_t quad = first_quad + o / kQuadOutputs;
      into.pieces[(quad * pairs + pair) * kGroupPieces + o % kQuadOutputs / 2 * 32 + lane] = uint4{words[0], words[1], words[2], words[3]};
    }
  }
};

// Grid: x = tiles of rows, so that blocks of the same weights run at the same time; y = kF32Outputs outputs each, product by product.
// Dynamic memory: the warps' rings.
__global__ void __launch_bounds__(kLinearThreads) linear_f32_kernel(ProductBatch<F32Format> batch, Inputs inputs, int rows) {
  using Ring = WeightRing<1>;
  const DeviceProduct<F32Format>& product = product_of(batch, blockIdx.y);
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int64_t quad = int64_t(blockIdx.y - product.first_block) * kLinearWarps + warp, first_row = int64_t(blockIdx.x) * kTileRows;
  const int64_t columns = inputs.columns, pairs = (inputs.groups + 1) / 2;
  const float* const input = static_cast<const float*>(inputs.values) + first_row * columns + lane;

  Ring ring(gpu::dynamic_shared() + warp * Ring::kBytes, lane, product.planes.pieces + quad * pairs * kGroupPieces + lane, 0, pairs);
  float c[kQuadOutputs][kTileRows] = {};
  for (int64_t pair = 0; pair < pairs; pair++) {
    uint4 pieces[1][2];
    ring.next(pieces);
    const uint32_t weights[kQuadOutputs][2] = {{pieces[0][0].x, pieces[0][0].y},
                                               {pieces[0][0].z, pieces[0][0].w},
                                               {pieces[0][1].x, pieces[0][1].y},
                                               {pieces[0][1].z, pieces[0][1].w}};
    for (int half = 0; half < 2; half++) {
      const int64_t column = (2 * pair + half) * kGroupInputs;
      float x[kTileRows];
      for (int r = 0; r < kTileRows; r++) x[r] = first_row + r < rows && column + lane < columns ? input[r * columns + column] : 0.0f;
      for (int o = 0; o < kQuadOutputs; o++)
        for (int r = 0; r < kTileRows; r++) c[o][r] = fmaf(__uint_as_float(weights[o][half]), x[r], c[o][r]);
    }
  }
  gpu::cp_async_wait<0>();

  float mine = 0;  // lane 8 o + r: of output o and row r
  for (int o = 0; o < kQuadOutputs; o++)
    for (int r = 0; r < kTileRows; r++) {
      const float sum = warp_sum(c[o][r]);
      if (lane == o * kTileRows + r) mine = sum;
    }
  const int64_t output = quad * kQuadOutputs + lane / kTileRows, row = first_row + lane % kTileRows;
  if (output < product.outputs && row < rows) write_output(product, output, row, mine);
}

}  // namespace ragdraft::ops::cuda
