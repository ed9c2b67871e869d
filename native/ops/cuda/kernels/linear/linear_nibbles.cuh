// The plane that all formats of bytes have: the upper nibbles of operand A, the numbers' own or their uppermost four bits.
//   uint4[strip][pair][lane]   word 2 j + h, group j, h = 0, 1: a[2 h] in the upper halves of the bytes, a[2 h + 1] in the lower ones
#pragma once
#include "formats/dtype.h"
#include "ops/cuda/kernels/linear/linear_launch.cuh"

namespace ragdraft::ops::cuda {

__device__ inline uint32_t word_of(const uint4& words, int i) {
  switch (i) {
    case 0: return words.x;
    case 1: return words.y;
    case 2: return words.z;
    default: return words.w;
  }
}

// a: bytes whose lower halves are zeros.
__device__ inline void upper_nibbles(const uint4& words, int j, uint32_t (&a)[4]) {
  constexpr uint32_t kUpper = 0xf0f0f0f0u;
  for (int half = 0; half < 2; half++) {
    const uint32_t word = word_of(words, 2 * j + half);
    a[2 * half] = word & kUpper;
    a[2 * half + 1] = word << 4 & kUpper;
  }
}

// The two words of a group.
__device__ inline void pack_upper_nibbles(const uint32_t (&a)[4], uint32_t* words) {
  for (int half = 0; half < 2; half++) words[half] = (a[2 * half] & 0xf0f0f0f0u) | (a[2 * half + 1] >> 4 & 0x0f0f0f0fu);
}

// Upper nibbles and, of each group, an f16 scale: what is read of types without planes of more bits.
struct NibblePlanes {
  uint4* upper;
  uint2* scales;  // [strip][pair][g]: f16 of outputs g and g + 8, of the first group and of the second

  static NibblePlanes place(PlanePlacer& placer, const TileShape& shape) {
    NibblePlanes planes;
    planes.upper = placer.place<uint4>(shape.tiles() * 32);
    planes.scales = placer.place<uint2>(shape.tiles() * 8);
    return planes;
  }
};
struct NibblePair {
  uint4 upper;
  uint2 scales;

  __device__ void load(const NibblePlanes& planes, unsigned tile, unsigned lane) {
    upper = gpu::load_stream(planes.upper + tile * 32 + lane);
    scales = gpu::load_stream(planes.scales + tile * 8 + lane / 4);
  }
};

// The sums of an mma of bytes as floats, without a conversion: 1.5 * 2^23 has a last bit worth 1, and whole numbers below 2^22 that are
// added to its bits are added to its value. A group's sums are below 2^20.1.
class Dots {
 public:
  int32_t of[4] = {kBits, kBits, kBits, kBits};
  __device__ float operator[](int i) const { return __int_as_float(of[i]) - 12582912.0f; }

 private:
  static constexpr int32_t kBits = 0x4b400000;
};

// Byte i of a word over 2^kShift, by the same means: it becomes the last byte of 2^(23 - kShift). kZero: the byte that stands for 0.
template <int kShift, int kZero>
__device__ inline float shifted_byte(uint32_t word, int i) {
  constexpr uint32_t kBits = uint32_t(127 + 23 - kShift) << 23;
  constexpr float kOffset = float((1 << (23 - kShift)) + (kZero >> kShift));
  return __uint_as_float(__byte_perm(word, kBits, 0x7640u + uint32_t(i))) - kOffset;
}
template <int kShift>
__device__ inline float unsigned_byte(uint32_t word, int i) {
  return shifted_byte<kShift, 0>(word, i);
}
template <int kShift>
__device__ inline float signed_byte(uint32_t word, int i) {
  return shifted_byte<kShift, 128>(word ^ 0x80808080u, i);
}

// Two f16 of a word.
__device__ inline void half_scales(uint32_t word, float (&scales)[2]) {
  scales[0] = gpu::f16_to_f32(uint16_t(word & 0xffff));
  scales[1] = gpu::f16_to_f32(uint16_t(word >> 16));
}

// File: the format of the rows (formats/all.h). Where it has the block of a row with a group's inputs; nullptr after the last row and the last group.
template <class File>
__device__ const uint8_t* block_of(const RawRows& raw, int64_t row, int64_t group) {
  constexpr int kInputs = File::kBlockElements;
  if (row >= raw.rows || group * kGroupInputs >= raw.columns) return nullptr;
  return raw.data + (row * (raw.columns / kInputs) + group * kGroupInputs / kInputs) * File::kBlockBytes;
}

// A lane's operand A of a group: byte_of(the number as it is stored), zeros where no block is.
template <class File, class ByteOf>
__device__ void pack_operand(const RawRows& raw, int64_t strip, int64_t group, int lane, ByteOf byte_of, uint32_t (&a)[4]) {
  for (int second = 0; second < 2; second++) {
    const uint8_t* block = block_of<File>(raw, strip * kStripOutputs + lane / 4 + 8 * second, group);
    const int group_of_block = int(group % (File::kBlockElements / kGroupInputs)), first = lane % 4 * 4;
    for (int half = 0; half < 2; half++) {
      uint32_t word = 0;
      for (int i = 0; i < 4 && block != nullptr; i++)
        word |= uint32_t(byte_of(File::quant(block, group_of_block, first + 16 * half + i)) & 255) << 8 * i;
      a[2 * half + second] = word;
    }
  }
}

// Of a file's block, at an even address.
__device__ inline uint32_t load_even(const uint8_t* p) {
  const auto* halves = reinterpret_cast<const uint16_t*>(p);
  return halves[0] | uint32_t(halves[1]) << 16;
}

}  // namespace ragdraft::ops::cuda
