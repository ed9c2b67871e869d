// Q6_K weights: (scale * part) * q, q of six bits in two's complement, a part of eight bits with its sign for each 16 inputs, an f16
// scale for 256. The bits of q are the uppermost of a byte, four times the number. Each half of a group has an mma of its own.
//   upper   uint4[strip][pair][lane]      linear_nibbles.cuh
//   lower   uint2[strip][pair][lane]      a word a group: bits 2 r and 2 r + 1 of byte i are the last two of byte i of a[r]
//   parts   uint2[strip][pair][g]         bytes: both halves of output g, of output g + 8; of the first group, of the second
//   supers  uint32_t[strip][4 pairs][g]   f16 of outputs g and g + 8
#pragma once
#include "ops/cuda/kernels/linear/linear_nibbles.cuh"

namespace ragdraft::ops::cuda {

struct Q6_KFormat {
  static constexpr bool kSums = false;
  static constexpr int kTileBlocks = 2;
  using File = formats::Q6_K;
  static constexpr int kSuperPairs = 4;  // rows are whole numbers of them: super-block `tile / kSuperPairs` is a tile's

  struct Planes {
    uint4* upper;
    uint2 *lower, *parts;
    uint32_t* supers;
  };
  static Planes place(PlanePlacer& placer, const TileShape& shape) {
    Planes planes;
    planes.upper = placer.place<uint4>(shape.tiles() * 32);
    planes.lower = placer.place<uint2>(shape.tiles() * 32);
    planes.parts = placer.place<uint2>(shape.tiles() * 8);
    planes.supers = placer.place<uint32_t>(shape.tiles() / kSuperPairs * 8);
    return planes;
  }

  struct Group {
    uint32_t a[4];
    float step[2][2];  // [half][output g or g + 8]: of a byte's one

    __device__ void add(const GroupInput& input, float (&c)[4]) const {
      Dots first, second;
      gpu::mma_s8_k16(first.of, a[0], a[1], input.bytes.x);
      gpu::mma_s8_k16(second.of, a[2], a[3], input.bytes.y);
      for (int i = 0; i < 4; i++) {
        const float scale = i % 2 == 0 ? input.scales.x : input.scales.y;
        c[i] = fmaf(first[i], step[0][i / 2] * scale, c[i]);
        c[i] = fmaf(second[i], step[1][i / 2] * scale, c[i]);
      }
    }
  };
  struct Pair {
    uint4 upper;
    uint2 lower, parts;
    uint32_t supers;

    __device__ void load(const Planes& planes, unsigned tile, unsigned lane) {
      upper = gpu::load_stream(planes.upper + tile * 32 + lane);
      lower = gpu::load_stream(planes.lower + tile * 32 + lane);
      parts = gpu::load_stream(planes.parts + tile * 8 + lane / 4);
      supers = planes.supers[tile / kSuperPairs * 8 + lane / 4];  // four warps want them
    }
    __device__ Group group(int j) const {
      constexpr uint32_t kLower = 0x0c0c0c0cu;
      Group group;
      upper_nibbles(upper, j, group.a);
      const uint32_t word = j == 0 ? lower.x : lower.y, part = j == 0 ? parts.x : parts.y;
      group.a[0] |= word << 2 & kLower;
      group.a[1] |= word & kLower;
      group.a[2] |= word >> 2 & kLower;
      group.a[3] |= word >> 4 & kLower;
      float scale[2];
      half_scales(supers, scale);
      for (int half = 0; half < 2; half++)
        for (int second = 0; second < 2; second++)
          group.step[half][second] = scale[second] * signed_byte<2>(part, 2 * second + half);
      return group;
    }
  };

  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    uint32_t upper[4], lower[2] = {}, parts[2] = {}, scales = 0;
    for (int j = 0; j < 2; j++) {
      const int64_t group = 2 * pair + j;
      uint32_t a[4];
      pack_operand<File>(raw, strip, group, lane, [](int quant) { return (quant ^ 32) << 2; }, a);
      pack_upper_nibbles(a, upper + 2 * j);
      for (int r = 0; r < 4; r++) lower[j] |= (a[r] >> 2 & 0x03030303u) << 2 * r;
      for (int second = 0; second < 2; second++) {
        const uint8_t* block = block_of<File>(raw, strip * kStripOutputs + lane / 4 + 8 * second, group);
        if (block == nullptr) continue;
        parts[j] |= uint32_t(*reinterpret_cast<const uint16_t*>(block + 192 + group % (2 * kSuperPairs) * 2)) << 16 * second;
        if (j == 0) scales |= uint32_t(*reinterpret_cast<const uint16_t*>(block + 208)) << 16 * second;
      }
    }
    into.upper[tile * 32 + lane] = uint4{upper[0], upper[1], upper[2], upper[3]};
    into.lower[tile * 32 + lane] = uint2{lower[0], lower[1]};
    if (lane % 4 != 0) return;
    into.parts[tile * 8 + lane / 4] = uint2{parts[0], parts[1]};
    if (pair % kSuperPairs == 0) into.supers[tile / kSuperPairs * 8 + lane / 4] = scales;
  }
};

}  // namespace ragdraft::ops::cuda
