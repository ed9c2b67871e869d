// Q4_K and Q5_K weights: (scale * part) * q - (minimum * part), q of 4 or 5 bits; a part of 6 bits for each group of 32, f16 scale and
// minimum for 256 inputs. The bits of q are the uppermost of a byte, sixteen or eight times the number. The minimum is multiplied by the sum of the
// group's inputs.
//   upper   uint4[strip][pair][lane]      linear_nibbles.cuh
//   parts   uint2[strip][pair][g]         bytes: scale and minimum of output g, of output g + 8; of the first group, of the second
//   supers  uint2[strip][4 pairs][g]      f16 of outputs g and g + 8: scales, minimums
//   fifth   uint32_t[strip][pair][lane]   Q5_K: bit 4 j + r of byte i is the last bit of byte i of a[r], of group j
#pragma once
#include <type_traits>

#include "ops/cuda/kernels/linear/linear_nibbles.cuh"

namespace ragdraft::ops::cuda {

inline constexpr int kSuperPairs = 4;  // rows are whole numbers of them: super-block `tile / kSuperPairs` is a tile's

template <bool kFifth>
struct Q45_KFormat {
  static constexpr bool kSums = true;
  static constexpr int kTileBlocks = 1;
  using File = std::conditional_t<kFifth, formats::Q5_K, formats::Q4_K>;
  static constexpr int kShift = kFifth ? 3 : 4;

  struct Planes {
    uint4* upper;
    uint2 *parts, *supers;
    uint32_t* fifth;
  };
  static Planes place(PlanePlacer& placer, const TileShape& shape) {
    Planes planes;
    planes.upper = placer.place<uint4>(shape.tiles() * 32);
    planes.parts = placer.place<uint2>(shape.tiles() * 8);
    planes.supers = placer.place<uint2>(shape.tiles() / kSuperPairs * 8);
    planes.fifth = placer.place<uint32_t>(kFifth ? shape.tiles() * 32 : 0);
    return planes;
  }

  struct Group {
    uint32_t a[4];
    float step[2], low[2];  // of outputs g and g + 8: of a byte's one; what is subtracted

    __device__ void add(const GroupInput& input, float (&c)[4]) const {
      Dots dots;
      gpu::mma_u8s8(dots.of, a, input.bytes.x, input.bytes.y);
      const float scaled_sums[2] = {input.scales.x * float(input.sums.x), input.scales.y * float(input.sums.y)};
      for (int i = 0; i < 4; i++) {
        c[i] = fmaf(dots[i], step[i / 2] * (i % 2 == 0 ? input.scales.x : input.scales.y), c[i]);
        c[i] = fmaf(-low[i / 2], scaled_sums[i % 2], c[i]);
      }
    }
  };
  struct Pair {
    uint4 upper;
    uint2 parts, supers;
    uint32_t fifth;

    __device__ void load(const Planes& planes, unsigned tile, unsigned lane) {
      upper = gpu::load_stream(planes.upper + tile * 32 + lane);
      parts = gpu::load_stream(planes.parts + tile * 8 + lane / 4);
      supers = planes.supers[tile / kSuperPairs * 8 + lane / 4];  // four warps want them
      if constexpr (kFifth) fifth = gpu::load_stream(planes.fifth + tile * 32 + lane);
    }
    __device__ Group group(int j) const {
      Group group;
      upper_nibbles(upper, j, group.a);
      if constexpr (kFifth)
        for (int r = 0; r < 4; r++) group.a[r] |= (j == 0 ? fifth << (3 - r) : fifth >> (1 + r)) & 0x08080808u;
      half_scales(supers.x, group.step);
      half_scales(supers.y, group.low);
      const uint32_t part = j == 0 ? parts.x : parts.y;
      for (int second = 0; second < 2; second++) {
        group.step[second] *= unsigned_byte<kShift>(part, 2 * second);
        group.low[second] *= unsigned_byte<0>(part, 2 * second + 1);
      }
      return group;
    }
  };

  __device__ static void pack(const RawRows& raw, int64_t strip, int64_t pair, int lane, const Planes& into, int64_t tile) {
    uint32_t upper[4], parts[2] = {}, scales = 0, minimums = 0, fifth = 0;
    for (int j = 0; j < 2; j++) {
      const int64_t group = 2 * pair + j;
      uint32_t a[4];
      pack_operand<File>(raw, strip, group, lane, [](int quant) { return quant << kShift; }, a);
      pack_upper_nibbles(a, upper + 2 * j);
      for (int r = 0; r < 4; r++) fifth |= (a[r] >> 3 & 0x01010101u) << (4 * j + r);
      for (int second = 0; second < 2; second++) {
        const uint8_t* block = block_of<File>(raw, strip * kStripOutputs + lane / 4 + 8 * second, group);
        if (block == nullptr) continue;
        const int first = 2 * int(group % (2 * kSuperPairs));
        parts[j] |= uint32_t(File::scale_byte(block, first) | File::scale_byte(block, first + 1) << 8) << 16 * second;
        if (j == 1) continue;
        scales |= uint32_t(*reinterpret_cast<const uint16_t*>(block)) << 16 * second;
        minimums |= uint32_t(*reinterpret_cast<const uint16_t*>(block + 2)) << 16 * second;
      }
    }
    into.upper[tile * 32 + lane] = uint4{upper[0], upper[1], upper[2], upper[3]};
    if constexpr (kFifth) into.fifth[tile * 32 + lane] = fifth;
    if (lane % 4 != 0) return;
    into.parts[tile * 8 + lane / 4] = uint2{parts[0], parts[1]};
    if (pair % kSuperPairs == 0) into.supers[tile / kSuperPairs * 8 + lane / 4] = uint2{scales, minimums};
  }
};

using Q4_KFormat = Q45_KFormat<false>;
using Q5_KFormat = Q45_KFormat<true>;

}  // namespace ragdraft::ops::cuda
