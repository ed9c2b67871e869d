// Q8_0 weights: per group of 32 an f16 scale and signed bytes.
//   upper   uint4[strip][pair][lane]   upper nibbles. Word 2 j + h, group j, h = 0, 1: a[2 h] in the upper halves of the bytes,
//                                      a[2 h + 1] in the lower ones (a: operand A of mma_s8)
//   scales  uint2[strip][pair][g]      f16 of outputs g and g + 8: of the first group, of the second
//   lower   uint4[strip][pair][lane]   lower nibbles. The same words: a[2 h] in the lower halves, a[2 h + 1] in the upper ones
// A byte's halves stay where they are wherever that saves a shift. Draft precision reads `upper` and `scales`, without gaps.
#pragma once
#include "ops/cuda/kernels/linear/linear_nibbles.cuh"

namespace ragdraft::ops::cuda {

struct Q8_0Format {
  static constexpr bool kSums = false;
  static constexpr int kTileBlocks = 2;
  struct Planes {
    uint4* upper;
    uint2* scales;
    uint4* lower;
  };
  static Planes place(PlanePlacer& placer, const TileShape& shape) {
    Planes planes;
    planes.upper = placer.place<uint4>(shape.tiles() * 32);
    planes.scales = placer.place<uint2>(shape.tiles() * 8);
    planes.lower = placer.place<uint4>(shape.tiles() * 32);
    return planes;
  }

  struct Group {
    uint32_t a[4];
    float scale[2];  // of outputs g and g + 8

    __device__ void add(const GroupInput& input, float (&c)[4]) const {
      Dots dots;
      gpu::mma_s8(dots.of, a, input.bytes.x, input.bytes.y);
      for (int i = 0; i < 4; i++) c[i] = fmaf(dots[i], scale[i / 2] * (i % 2 == 0 ? input.scales.x : input.scales.y), c[i]);
    }
  };
  struct Pair {
    uint4 upper, lower;
    uint2 scales;

    __device__ void load(const Planes& planes, unsigned tile, unsigned lane) {
      upper = gpu::load_stream(planes.upper + tile * 32 + lane);
      lower = gpu::load_stream(planes.lower + tile * 32 + lane);
      scales = gpu::load_stream(planes.scales + tile * 8 + lane / 4);
    }
    __device__ Group group(int j) const {
      constexpr uint32_t kLower = 0x0f0f0f0fu;
      Group group;
      upper_nibbles(upper, j, group.a);
      for (int half = 0; half < 2; half++) {
        const uint32_t word = word_of(lower, 2 * j + half);
        group.a[2 * half] |= word & kLower;
        group.a[2 * half + 1] |= word >> 4 & kLower;
      }
      half_scales(j == 0 ? scales.x : scales.y, group.scale);
      return group;
    }
  };

  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    const int64_t groups = raw.columns / kGroupInputs;
    const int g = lane / 4, t = lane % 4;
    uint32_t upper[4] = {}, lower[4] = {}, scales[2] = {};
    for (int j = 0; j < 2; j++) {
      const int64_t group = 2 * pair + j;
      uint32_t a[4] = {};
      for (int second = 0; second < 2; second++) {
        const int64_t row = strip * kStripOutputs + g + 8 * second;
        if (group >= groups || row >= raw.rows) continue;
        const uint8_t* block = raw.data + (row * groups + group) * formats::Q8_0::kBlockBytes;
        scales[j] |= uint32_t(*reinterpret_cast<const uint16_t*>(block)) << 16 * second;
        for (int half = 0; half < 2; half++) a[2 * half + second] = load_even(block + 2 + 16 * half + 4 * t);
      }
      pack_upper_nibbles(a, upper + 2 * j);
      for (int half = 0; half < 2; half++) lower[2 * j + half] = (a[2 * half] & 0x0f0f0f0fu) | (a[2 * half + 1] << 4 & 0xf0f0f0f0u);
    }
    into.upper[tile * 32 + lane] = uint4{upper[0], upper[1], upper[2], upper[3]};
    into.lower[tile * 32 + lane] = uint4{lower[0], lower[1], lower[2], lower[3]};
    if (t == 0) into.scales[tile * 8 + g] = uint2{scales[0], scales[1]};
  }
};

// The same by the upper nibbles alone; the mean of the lower halves, 7.5, stands for them.
struct Q8_0UpperFormat {
  static constexpr bool kSums = true;
  static constexpr int kTileBlocks = 2;
  using Planes = NibblePlanes;
  static Planes place(PlanePlacer& placer, const TileShape& shape) { return NibblePlanes::place(placer, shape); }

  struct Group {
    uint32_t a[4];
    float half_scale[2];

    __device__ void add(const GroupInput& input, float (&c)[4]) const {
      int32_t dot[4] = {};
      gpu::mma_s8(dot, a, input.bytes.x, input.bytes.y);
      for (int i = 0; i < 4; i++) {
        const int twice = int(2 * uint32_t(dot[i]) + 15 * uint32_t(i % 2 == 0 ? input.sums.x : input.sums.y));  // unsigned: see GroupInput
        c[i] = fmaf(float(twice), half_scale[i / 2] * (i % 2 == 0 ? input.scales.x : input.scales.y), c[i]);
      }
    }
  };
  struct Pair : NibblePair {
    __device__ Group group(int j) const {
      Group group;
      upper_nibbles(upper, j, group.a);
      half_scales(j == 0 ? scales.x : scales.y, group.half_scale);
      for (float& scale : group.half_scale) scale *= 0.5f;
      return group;
    }
  };
};

}  // namespace ragdraft::ops::cuda
