// simd.h in plain C++ loops, for machines without a faster variant. Compilers turn most of them into their baseline vectors.
#pragma once
#include <cstring>

namespace ragdraft::ops {
namespace {

struct F32x16 {
  float v[16];
  static RAGDRAFT_INLINE F32x16 zero() { return set1(0.0f); }
  static RAGDRAFT_INLINE F32x16 set1(float x) {
    F32x16 r;
    for (float& lane : r.v) lane = x;
    return r;
  }
  static RAGDRAFT_INLINE F32x16 load(const float* p) {
    F32x16 r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static RAGDRAFT_INLINE F32x16 load_f16(const uint16_t* p);
  static RAGDRAFT_INLINE F32x16 load_s8(const int8_t* p) {
    F32x16 r;
    for (int i = 0; i < 16; ++i) r.v[i] = float(p[i]);
    return r;
  }
};
struct I32x16 {
  int32_t v[16];
  static RAGDRAFT_INLINE I32x16 zero() { return set1(0); }
  static RAGDRAFT_INLINE I32x16 set1(int32_t x) {
    I32x16 r;
    for (int32_t& lane : r.v) lane = x;
    return r;
  }
};
struct U8x64 {
  uint8_t v[64];
  static RAGDRAFT_INLINE U8x64 zero() {
    U8x64 r;
    std::memset(r.v, 0, sizeof r.v);
    return r;
  }
  static RAGDRAFT_INLINE U8x64 load(const uint8_t* p) {
    U8x64 r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
};

RAGDRAFT_INLINE uint32_t float_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
RAGDRAFT_INLINE float bits_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// f(lane) for all lanes.
template <class F>
RAGDRAFT_INLINE F32x16 each_lane(F f) {
  F32x16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}

// Normal numbers are re-biased; subnormals are mantissa * 2^-24, which is exact in f32.
RAGDRAFT_INLINE F32x16 F32x16::load_f16(const uint16_t* p) {
  return each_lane([&](int i) {
    const uint32_t h = p[i], sign = (h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
    const uint32_t normal = (exponent + (exponent == 31 ? 224 : 112)) << 23 | mantissa << 13;
    const uint32_t small = float_bits(float(int32_t(mantissa)) * (1.0f / 16777216.0f));
    return bits_float(sign | (exponent == 0 ? small : normal));
  });
}

RAGDRAFT_INLINE F32x16 operator+(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] + b.v[i]; });
}
RAGDRAFT_INLINE F32x16 operator-(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] - b.v[i]; });
}
RAGDRAFT_INLINE F32x16 operator*(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] * b.v[i]; });
}
RAGDRAFT_INLINE F32x16 operator/(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] / b.v[i]; });
}
RAGDRAFT_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return each_lane([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
// A NaN in `b` stays.
RAGDRAFT_INLINE F32x16 max(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
RAGDRAFT_INLINE F32x16 min(F32x16 a, F32x16 b) {
  return each_lane([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
RAGDRAFT_INLINE F32x16 neg(F32x16 a) {
  return each_lane([&](int i) { return -a.v[i]; });
}
RAGDRAFT_INLINE F32x16 abs(F32x16 a) {
  return each_lane([&](int i) { return bits_float(float_bits(a.v[i]) & 0x7fffffffu); });
}
// To the nearest integer, ties to even; |x| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
RAGDRAFT_INLINE F32x16 round(F32x16 a) {
  return each_lane([&](int i) { return (a.v[i] + 12582912.0f) - 12582912.0f; });
}
// x < y ? yes : no. A NaN compares false.
RAGDRAFT_INLINE F32x16 select_less(F32x16 x, F32x16 y, F32x16 yes, F32x16 no) {
  return each_lane([&](int i) { return x.v[i] < y.v[i] ? yes.v[i] : no.v[i]; });
}
RAGDRAFT_INLINE float pow2(int32_t n) { return bits_float(uint32_t(n + 127) << 23); }  // n in [-126, 127]
// x * 2^n, n integral in [-250, 250], one rounding (subnormal results too): two exact halves of n. A NaN n: x is NaN as well.
RAGDRAFT_INLINE F32x16 scale_pow2(F32x16 x, F32x16 n) {
  return each_lane([&](int i) {
    const int32_t all = n.v[i] > -251.0f && n.v[i] < 251.0f ? int32_t(n.v[i]) : 0, half = all / 2;
    return x.v[i] * pow2(half) * pow2(all - half);
  });
}

RAGDRAFT_INLINE void store(float* p, F32x16 a) { std::memcpy(p, a.v, sizeof a.v); }
// Saturates at +-65504, nearest even, NaN stays.
RAGDRAFT_INLINE void store_f16(uint16_t* p, F32x16 a) {
  for (int i = 0; i < 16; ++i) {
    const uint32_t x = float_bits(a.v[i]), sign = (x >> 16) & 0x8000, rest = x & 0x7fffffff;
    // Subnormal results: adding 0.5 aligns units of 2^-24 with the lowest mantissa bit.
    const uint32_t small = float_bits(bits_float(rest < 0x38800000 ? rest : 0) + 0.5f) - 0x3f000000;
    const uint32_t normal = (rest + 0xfff + ((rest >> 13) & 1) - 0x38000000) >> 13;
    const uint32_t finite = rest >= 0x477fe000 ? 0x7bff : rest < 0x38800000 ? small : normal;
    p[i] = uint16_t(sign | (rest > 0x7f800000 ? 0x7e00 : finite));
  }
}
// Nearest even, NaN stays.
RAGDRAFT_INLINE void store_bf16(uint16_t* p, F32x16 a) {
  for (int i = 0; i < 16; ++i) {
    const uint32_t x = float_bits(a.v[i]), rounded = (x + 0x7fff + ((x >> 16) & 1)) >> 16;
    p[i] = uint16_t((x & 0x7fffffff) > 0x7f800000 ? (x >> 16) | 0x40 : rounded);
  }
}
RAGDRAFT_INLINE float reduce_add(F32x16 a) {
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
  return a.v[0];
}
RAGDRAFT_INLINE float reduce_max(F32x16 a) {
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a.v[i] = a.v[i] > a.v[i + width] ? a.v[i] : a.v[i + width];
  return a.v[0];
}

RAGDRAFT_INLINE F32x16 to_f32(I32x16 a) {
  return each_lane([&](int i) { return float(a.v[i]); });
}
// `a` integral, in int32 range; anything else gives INT32_MIN, as x86 does.
RAGDRAFT_INLINE I32x16 to_i32(F32x16 a) {
  I32x16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] > -2147483648.0f && a.v[i] < 2147483648.0f ? int32_t(a.v[i]) : INT32_MIN;
  return r;
}
RAGDRAFT_INLINE int32_t reduce_add(I32x16 a) {
  int32_t sum = 0;
  for (int32_t lane : a.v) sum += lane;
  return sum;
}
// Lanes modulo 256.
RAGDRAFT_INLINE void store_s8(int8_t* p, I32x16 a) {
  for (int i = 0; i < 16; ++i) p[i] = int8_t(uint8_t(uint32_t(a.v[i])));
}

// acc[i] += sum over j < 4 of w[4 i + j] * x[j]; x: 4 s8 in memory order, w unsigned.
// Not inlined: its baseline code is long and has many callers.
[[maybe_unused]] RAGDRAFT_NOINLINE I32x16 dot_u8s8(I32x16 acc, U8x64 w, int32_t x) {
  int8_t s[4];
  std::memcpy(s, &x, sizeof s);
  for (int i = 0; i < 16; ++i) {
    const uint8_t* u = w.v + 4 * i;
    acc.v[i] += u[0] * s[0] + u[1] * s[1] + u[2] * s[2] + u[3] * s[3];
  }
  return acc;
}
// The same with the signs exchanged: v's bytes are signed, x: 4 u8 in memory order.
[[maybe_unused]] RAGDRAFT_NOINLINE I32x16 dot_s8u8(I32x16 acc, U8x64 v, int32_t x) {
  uint8_t u[4];
  std::memcpy(u, &x, sizeof u);
  for (int i = 0; i < 16; ++i) {
    int8_t s[4];
    std::memcpy(s, v.v + 4 * i, sizeof s);
    acc.v[i] += u[0] * s[0] + u[1] * s[1] + u[2] * s[2] + u[3] * s[3];
  }
  return acc;
}
// dot_u8s8 for w <= 127, x >= -127: cheaper where the instruction set saturates.
RAGDRAFT_INLINE I32x16 dot_u7s8(I32x16 acc, U8x64 w, int32_t x) { return dot_u8s8(acc, w, x); }

template <class F>
RAGDRAFT_INLINE U8x64 each_byte(F f) {
  U8x64 r;
  for (int i = 0; i < 64; ++i) r.v[i] = uint8_t(f(i));
  return r;
}
// Per byte: a & 15, a >> 4.
RAGDRAFT_INLINE U8x64 low4(U8x64 a) {
  return each_byte([&](int i) { return a.v[i] & 15; });
}
RAGDRAFT_INLINE U8x64 high4(U8x64 a) {
  return each_byte([&](int i) { return a.v[i] >> 4; });
}
// Per byte: a >> 2.
RAGDRAFT_INLINE U8x64 shift_right2(U8x64 a) {
  return each_byte([&](int i) { return a.v[i] >> 2; });
}
// Per byte: (high & 15) << 4 | (low & 15), and (high & 0xf0) | low >> 4.
RAGDRAFT_INLINE U8x64 join_low(U8x64 high, U8x64 low) {
  return each_byte([&](int i) { return (high.v[i] & 15) << 4 | (low.v[i] & 15); });
}
RAGDRAFT_INLINE U8x64 join_high(U8x64 high, U8x64 low) {
  return each_byte([&](int i) { return (high.v[i] & 0xf0) | low.v[i] >> 4; });
}
// Per byte: base | (bits >> kRight & kMask) << kLeft.
template <int kRight, int kMask, int kLeft>
RAGDRAFT_INLINE U8x64 insert_bits(U8x64 base, U8x64 bits) {
  return each_byte([&](int i) { return base.v[i] | (bits.v[i] >> kRight & kMask) << kLeft; });
}

// 16 pairs of neighbouring bf16 values, as floats.
struct Bf16Pairs {
  F32x16 first, second;
  static RAGDRAFT_INLINE Bf16Pairs load(const uint16_t* p) {
    return {each_lane([&](int i) { return bits_float(uint32_t(p[2 * i]) << 16); }),
            each_lane([&](int i) { return bits_float(uint32_t(p[2 * i + 1]) << 16); })};
  }
};
// To the nearest bf16 value, ties to even; finite.
RAGDRAFT_INLINE F32x16 round_bf16(F32x16 a) {
  return each_lane([&](int i) {
    const uint32_t x = float_bits(a.v[i]);
    return bits_float((x + 0x7fff + ((x >> 16) & 1)) & 0xffff0000u);
  });
}

}  // namespace
}  // namespace ragdraft::ops
