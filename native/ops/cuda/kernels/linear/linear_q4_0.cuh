// Q4_0 weights: per group of 32 an f16 scale and four bits, stored with an offset of 8. The nibble of the two's complement is the upper
// half of a byte whose lower one is zero: sixteen times the number, which the scale makes up for.
#pragma once
#include "ops/cuda/kernels/linear/linear_nibbles.cuh"

namespace ragdraft::ops::cuda {

struct Q4_0Format {
  static constexpr bool kSums = false;
  static constexpr int kTileBlocks = 2;
  using Planes = NibblePlanes;
  static Planes place(PlanePlacer& placer, const TileShape& shape) { return NibblePlanes::place(placer, shape); }

  struct Group {
    uint32_t a[4];
    float step[2];  // of outputs g and g + 8: a sixteenth of the scale

    __device__ void add(const GroupInput& input, float (&c)[4]) const {
      Dots dots;
      gpu::mma_s8(dots.of, a, input.bytes.x, input.bytes.y);
      for (int i = 0; i < 4; i++) c[i] = fmaf(dots[i], step[i / 2] * (i % 2 == 0 ? input.scales.x : input.scales.y), c[i]);
    }
  };
  struct Pair : NibblePair {
    __device__ Group group(int j) const {
      Group group;
      upper_nibbles(upper, j, group.a);
      half_scales(j == 0 ? scales.x : scales.y, group.step);
      for (float& step : group.step) step *= 0.0625f;
      return group;
    }
  };

  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    uint32_t upper[4], scales[2] = {};
    for (int j = 0; j < 2; j++) {
      uint32_t a[4];
      pack_operand<formats::Q4_0>(raw, strip, 2 * pair + j, lane, [](int quant) { return (quant ^ 8) << 4; }, a);
      pack_upper_nibbles(a, upper + 2 * j);
      for (int second = 0; second < 2; second++) {
        const uint8_t* block = block_of<formats::Q4_0>(raw, strip * kStripOutputs + lane / 4 + 8 * second, 2 * pair + j);
        if (block != nullptr) scales[j] |= uint32_t(*reinterpret_cast<const uint16_t*>(block)) << 16 * second;
      }
    }
    into.upper[tile * 32 + lane] = uint4{upper[0], upper[1], upper[2], upper[3]};
    if (lane % 4 == 0) into.scales[tile * 8 + lane / 4] = uint2{scales[0], scales[1]};
  }
};

}  // namespace ragdraft::ops::cuda
