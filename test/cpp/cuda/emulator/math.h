// CUDA's arithmetic functions. Fast ones are as exact as the CPU's here: a test against an oracle allows for the GPU's errors.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/half.h"
#include "emulator/words.h"

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int __float2int_rn(float x) { return int(std::nearbyint(x)); }
inline uint64_t __float2ull_rn(float x) { return uint64_t(std::nearbyint(x)); }
inline uint64_t __double2ull_ru(double x) { return uint64_t(std::ceil(x)); }
inline float __uint2float_rn(uint32_t x) { return float(x); }
inline float __int2float_rn(int x) { return float(x); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return uint32_t(uint64_t(a) * b >> 32); }
inline int __popc(uint32_t x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
// Bytes of (b a): nibble i of the selector names the byte of the result's byte i. Sign replication (bit 3) is not offered.
inline uint32_t __byte_perm(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t(b) << 32 | a;
  uint32_t out = 0;
  for (int i = 0; i < 4; i++) out |= uint32_t(bytes >> (selector >> 4 * i & 7) * 8 & 255) << 8 * i;
  return out;
}
inline int __dp4a(int a, int b, int sum) {
  int8_t x[4], y[4];
  std::memcpy(x, &a, 4);
  std::memcpy(y, &b, 4);
  for (int i = 0; i < 4; i++) sum += x[i] * y[i];
  return sum;
}
using std::max;
using std::min;

namespace ragdraft::gpu {
using ragdraft::bf16_to_f32;
using ragdraft::f16_to_f32;
using ragdraft::f32_to_bf16;
using ragdraft::f32_to_f16;

inline uint32_t pack_f16(float low, float high) { return uint32_t(f32_to_f16(high)) << 16 | f32_to_f16(low); }
inline uint32_t pack_bf16(float low, float high) { return uint32_t(f32_to_bf16(high)) << 16 | f32_to_bf16(low); }
inline uint32_t s8_to_bf16(uint32_t bytes) { return pack_bf16(float(int8_t(bytes)), float(int8_t(bytes >> 16))); }
inline float exp2_fast(float x) {
  const float y = std::exp2(x);
  return y < 0x1p-126f ? 0.0f : y;
}

template <class T>
T load_stream(const T* p) {
  return *p;
}
}  // namespace ragdraft::gpu
