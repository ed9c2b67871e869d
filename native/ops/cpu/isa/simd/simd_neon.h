// simd.h for NEON (armv8-a): four registers per vector, r[i] = lanes 4i .. 4i + 3.
#pragma once
#include <arm_neon.h>

#include <cstring>

namespace ragdraft::ops {
namespace {

struct F32x16 {
  float32x4_t r[4];
  static RAGDRAFT_INLINE F32x16 zero() { return set1(0.0f); }
  static RAGDRAFT_INLINE F32x16 set1(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return {{v, v, v, v}};
  }
  static RAGDRAFT_INLINE F32x16 load(const float* p) {
    return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
  }
  static RAGDRAFT_INLINE F32x16 load_f16(const uint16_t* p) {
    const uint16x8_t a = vld1q_u16(p), b = vld1q_u16(p + 8);
    return {{vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(a))), vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(a))),
             vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(b))), vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(b)))}};
  }
  static RAGDRAFT_INLINE F32x16 load_s8(const int8_t* p) {
    const int8x16_t s = vld1q_s8(p);
    const int16x8_t a = vmovl_s8(vget_low_s8(s)), b = vmovl_s8(vget_high_s8(s));
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(a))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(a))),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(b))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(b)))}};
  }
};
struct I32x16 {
  int32x4_t r[4];
  static RAGDRAFT_INLINE I32x16 zero() { return set1(0); }
  static RAGDRAFT_INLINE I32x16 set1(int32_t x) {
    const int32x4_t v = vdupq_n_s32(x);
    return {{v, v, v, v}};
  }
};
struct U8x64 {
  uint8x16_t r[4];
  static RAGDRAFT_INLINE U8x64 zero() {
    const uint8x16_t v = vdupq_n_u8(0);
    return {{v, v, v, v}};
  }
  static RAGDRAFT_INLINE U8x64 load(const uint8_t* p) { return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}}; }
};

// f(register index) for the four registers of a V.
template <class V, class F>
RAGDRAFT_INLINE V each_register(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

RAGDRAFT_INLINE F32x16 operator+(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vaddq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 operator-(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vsubq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 operator*(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vmulq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 operator/(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vdivq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return each_register<F32x16>([&](int i) { return vfmaq_f32(c.r[i], a.r[i], b.r[i]); });
}
// A NaN stays.
RAGDRAFT_INLINE F32x16 max(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vmaxq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 min(F32x16 a, F32x16 b) {
  return each_register<F32x16>([&](int i) { return vminq_f32(a.r[i], b.r[i]); });
}
RAGDRAFT_INLINE F32x16 neg(F32x16 a) {
  return each_register<F32x16>([&](int i) { return vnegq_f32(a.r[i]); });
}
RAGDRAFT_INLINE F32x16 abs(F32x16 a) {
  return each_register<F32x16>([&](int i) { return vabsq_f32(a.r[i]); });
}
// To the nearest integer, ties to even; |x| < 2^22.
RAGDRAFT_INLINE F32x16 round(F32x16 a) {
  return each_register<F32x16>([&](int i) { return vrndnq_f32(a.r[i]); });
}
// x < y ? yes : no. A NaN compares false.
RAGDRAFT_INLINE F32x16 select_less(F32x16 x, F32x16 y, F32x16 yes, F32x16 no) {
  return each_register<F32x16>([&](int i) { return vbslq_f32(vcltq_f32(x.r[i], y.r[i]), yes.r[i], no.r[i]); });
}
// x * 2^n, n integral in [-250, 250], |x| in [2^-30, 2^30], one rounding (subnormal results too): two exact halves of n.
RAGDRAFT_INLINE F32x16 scale_pow2(F32x16 x, F32x16 n) {
  return each_register<F32x16>([&](int i) {
    const int32x4_t all = vcvtq_s32_f32(n.r[i]), half = vshrq_n_s32(all, 1), bias = vdupq_n_s32(127);
    const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23), second = vshlq_n_s32(vaddq_s32(vsubq_s32(all, half), bias), 23);
    return vmulq_f32(vmulq_f32(x.r[i], vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
  });
}

RAGDRAFT_INLINE void store(float* p, F32x16 a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.r[i]);
}
// Saturates at +-65504, nearest even, NaN stays.
RAGDRAFT_INLINE void store_f16(uint16_t* p, F32x16 a) {
  const F32x16 c = max(F32x16::set1(-65504.0f), min(F32x16::set1(65504.0f), a));
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(c.r[i])));
}
// Nearest even, NaN stays.
RAGDRAFT_INLINE void store_bf16(uint16_t* p, F32x16 a) {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t x = vreinterpretq_u32_f32(a.r[i]), odd = vandq_u32(vshrq_n_u32(x, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(x, vaddq_u32(odd, vdupq_n_u32(0x7fff))), quiet = vorrq_u32(x, vdupq_n_u32(0x400000));
    vst1_u16(p + 4 * i, vshrn_n_u32(vbslq_u32(vceqq_f32(a.r[i], a.r[i]), rounded, quiet), 16));
  }
}
RAGDRAFT_INLINE float reduce_add(F32x16 a) {
  const float32x4_t c = vaddq_f32(vaddq_f32(a.r[0], a.r[2]), vaddq_f32(a.r[1], a.r[3]));
  const float32x2_t d = vadd_f32(vget_low_f32(c), vget_high_f32(c));
  return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
}
RAGDRAFT_INLINE float reduce_max(F32x16 a) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.r[0], a.r[2]), vmaxq_f32(a.r[1], a.r[3])));
}

RAGDRAFT_INLINE F32x16 to_f32(I32x16 a) {
  return each_register<F32x16>([&](int i) { return vcvtq_f32_s32(a.r[i]); });
}
// `a` integral, in int32 range.
RAGDRAFT_INLINE I32x16 to_i32(F32x16 a) {
  return each_register<I32x16>([&](int i) { return vcvtq_s32_f32(a.r[i]); });
}
RAGDRAFT_INLINE int32_t reduce_add(I32x16 a) { return vaddvq_s32(vaddq_s32(vaddq_s32(a.r[0], a.r[1]), vaddq_s32(a.r[2], a.r[3]))); }
// Lanes modulo 256.
RAGDRAFT_INLINE void store_s8(int8_t* p, I32x16 a) {
  const int16x8_t low = vcombine_s16(vmovn_s32(a.r[0]), vmovn_s32(a.r[1])), high = vcombine_s16(vmovn_s32(a.r[2]), vmovn_s32(a.r[3]));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

// acc[i] += sum over j < 4 of w[4 i + j] * x[j]; x: 4 s8 in memory order, w unsigned. 16-bit products, summed in 32 bits.
RAGDRAFT_INLINE I32x16 dot_u8s8(I32x16 acc, U8x64 w, int32_t x) {
  const int16x8_t s = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(x)));  // x0 x1 x2 x3 x0 x1 x2 x3
  return each_register<I32x16>([&](int i) {
    const int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(w.r[i]))), b = vreinterpretq_s16_u16(vmovl_high_u8(w.r[i]));
    const int16x8_t p = vmulq_s16(a, s), q = vmulq_s16(b, s);  // |product| <= 255 * 128 = 32640
    return vaddq_s32(acc.r[i], vpaddq_s32(vpaddlq_s16(p), vpaddlq_s16(q)));
  });
}
// The same with the signs exchanged: v's bytes are signed, x: 4 u8 in memory order.
RAGDRAFT_INLINE I32x16 dot_s8u8(I32x16 acc, U8x64 v, int32_t x) {
  const int16x8_t u = vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_s32(vdup_n_s32(x))));  // x0 x1 x2 x3 x0 x1 x2 x3
  return each_register<I32x16>([&](int i) {
    const int8x16_t s = vreinterpretq_s8_u8(v.r[i]);
    const int16x8_t p = vmulq_s16(vmovl_s8(vget_low_s8(s)), u), q = vmulq_s16(vmovl_high_s8(s), u);
    return vaddq_s32(acc.r[i], vpaddq_s32(vpaddlq_s16(p), vpaddlq_s16(q)));
  });
}
// dot_u8s8 for w <= 127, x >= -127: cheaper where the instruction set saturates.
RAGDRAFT_INLINE I32x16 dot_u7s8(I32x16 acc, U8x64 w, int32_t x) { return dot_u8s8(acc, w, x); }

// Per byte: a & 15, a >> 4.
RAGDRAFT_INLINE U8x64 low4(U8x64 a) {
  return each_register<U8x64>([&](int i) { return vandq_u8(a.r[i], vdupq_n_u8(15)); });
}
RAGDRAFT_INLINE U8x64 high4(U8x64 a) {
  return each_register<U8x64>([&](int i) { return vshrq_n_u8(a.r[i], 4); });
}
// Per byte: a >> 2.
RAGDRAFT_INLINE U8x64 shift_right2(U8x64 a) {
  return each_register<U8x64>([&](int i) { return vshrq_n_u8(a.r[i], 2); });
}
// Per byte: (high & 15) << 4 | (low & 15), and (high & 0xf0) | low >> 4. vsli / vsri shift into the other operand.
RAGDRAFT_INLINE U8x64 join_low(U8x64 high, U8x64 low) {
  return each_register<U8x64>([&](int i) { return vsliq_n_u8(low.r[i], high.r[i], 4); });
}
RAGDRAFT_INLINE U8x64 join_high(U8x64 high, U8x64 low) {
  return each_register<U8x64>([&](int i) { return vsriq_n_u8(high.r[i], low.r[i], 4); });
}
// Per byte: base | (bits >> kRight & kMask) << kLeft.
template <int kRight, int kMask, int kLeft>
RAGDRAFT_INLINE U8x64 insert_bits(U8x64 base, U8x64 bits) {
  return each_register<U8x64>([&](int i) {
    const uint8x16_t field = vandq_u8(vshlq_u8(bits.r[i], vdupq_n_s8(-kRight)), vdupq_n_u8(kMask));
    return vorrq_u8(base.r[i], vshlq_n_u8(field, kLeft));
  });
}

// 16 pairs of neighbouring bf16 values, as floats.
struct Bf16Pairs {
  F32x16 first, second;
  static RAGDRAFT_INLINE Bf16Pairs load(const uint16_t* p) {
    const auto pairs = [&](int i) { return vreinterpretq_u32_u16(vld1q_u16(p + 8 * i)); };
    return {each_register<F32x16>([&](int i) { return vreinterpretq_f32_u32(vshlq_n_u32(pairs(i), 16)); }),
            each_register<F32x16>([&](int i) { return vreinterpretq_f32_u32(vandq_u32(pairs(i), vdupq_n_u32(0xffff0000))); })};
  }
};
// To the nearest bf16 value, ties to even; finite.
RAGDRAFT_INLINE F32x16 round_bf16(F32x16 a) {
  return each_register<F32x16>([&](int i) {
    const uint32x4_t x = vreinterpretq_u32_f32(a.r[i]), odd = vandq_u32(vshrq_n_u32(x, 16), vdupq_n_u32(1));
    return vreinterpretq_f32_u32(vandq_u32(vaddq_u32(x, vaddq_u32(odd, vdupq_n_u32(0x7fff))), vdupq_n_u32(0xffff0000)));
  });
}

}  // namespace
}  // namespace ragdraft::ops
