// The plane that all formats of bytes have: the upper nibbles of operand A, the numbers' own or their uppermost four bits.
//   uint4[strip][pair][lane]   word 2 j + h, group j, h = 0, 1: a[2 h] in the upper halves of the bytes, a[2 h + 1] in the lower ones
#pragma once
#include "ops/cuda/kernels/linear_launch.cuh"

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

// Two f16 of a word.
__device__ inline void half_scales(uint32_t word, float (&scales)[2]) {
  scales[0] = gpu::f16_to_f32(uint16_t(word & 0xffff));
  scales[1] = gpu::f16_to_f32(uint16_t(word >> 16));
}

// Of a file's block, at an even address.
__device__ inline uint32_t load_even(const uint8_t* p) {
  const auto* halves = reinterpret_cast<const uint16_t*>(p);
  return halves[0] | uint32_t(halves[1]) << 16;
}

}  // namespace ragdraft::ops::cuda
