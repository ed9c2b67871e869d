// BF16 and F16 weights as their kernels read them: operands of mma, a lane's 16 bytes in a load.
//   uint4[strip][pair][2 groups][2][lane]   lane 4 g + t: inputs 8 t .. 8 t + 7 of outputs g and, in the second array, g + 8
// The inputs of a group lie in the same order (inputs.h), so that its two mma take words 0, 1 and words 2, 3 of either side: which input
// stands in which place of an mma does not matter where both sides agree.
#pragma once
#include "ops/cuda/kernels/linear/linear_launch.cuh"
#include "ops/cuda/kernels/linear/linear_ring.cuh"

namespace ragdraft::ops::cuda {

struct HalfFormat {
  struct Planes {
    uint4* pieces;
  };
  static Planes place(PlanePlacer& placer, const TileShape& shape) { return {placer.place<uint4>(shape.tiles() * 2 * kGroupPieces)}; }

  // Rows of 16-bit numbers; their bits are copied.
  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    const auto* values = reinterpret_cast<const uint16_t*>(raw.data);
    for (int j = 0; j < 2; j++)
      for (int upper = 0; upper < 2; upper++) {
        const int64_t row = strip * kStripOutputs + lane / 4 + 8 * upper, column = (2 * pair + j) * kGroupInputs + lane % 4 * 8;
        uint32_t words[4] = {};
        for (int i = 0; i < 8; i++)
          if (row < raw.rows && column + i < raw.columns) words[i / 2] |= uint32_t(values[row * raw.columns + column + i]) << 16 * (i % 2);
        into.pieces[(2 * tile + j) * kGroupPieces + upper * 32 + lane] = uint4{words[0], words[1], words[2], words[3]};
      }
  }
};

}  // namespace ragdraft::ops::cuda
