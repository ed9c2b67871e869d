// simd.h for AVX2 + FMA + F16C: two registers per vector, `a` = lanes 0-7, `b` = lanes 8-15.
#pragma once
#include <immintrin.h>

namespace ragdraft::ops {
namespace {

struct F32x16 {
  __m256 a, b;
  static RAGDRAFT_INLINE F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static RAGDRAFT_INLINE F32x16 set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static RAGDRAFT_INLINE F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static RAGDRAFT_INLINE F32x16 load_f16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static RAGDRAFT_INLINE F32x16 load_s8(const int8_t* p) {
    const __m128i s = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(s)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(s, 8)))};
  }
};
struct I32x16 {
  __m256i a, b;
  static RAGDRAFT_INLINE I32x16 zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static RAGDRAFT_INLINE I32x16 set1(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
};
struct U8x64 {
  __m256i a, b;
  static RAGDRAFT_INLINE U8x64 zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static RAGDRAFT_INLINE U8x64 load(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
};

RAGDRAFT_INLINE F32x16 operator+(F32x16 x, F32x16 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 operator-(F32x16 x, F32x16 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 operator*(F32x16 x, F32x16 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 operator/(F32x16 x, F32x16 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 fma(F32x16 x, F32x16 y, F32x16 z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
// A NaN in `y` stays (the instruction returns the second operand).
RAGDRAFT_INLINE F32x16 max(F32x16 x, F32x16 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 min(F32x16 x, F32x16 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
RAGDRAFT_INLINE F32x16 neg(F32x16 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign)};
}
RAGDRAFT_INLINE F32x16 abs(F32x16 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
// To the nearest integer, ties to even; |x| < 2^22.
RAGDRAFT_INLINE F32x16 round(F32x16 x) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kMode), _mm256_round_ps(x.b, kMode)};
}
RAGDRAFT_INLINE __m256 select_less_half(__m256 x, __m256 y, __m256 yes, __m256 no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, y, _CMP_LT_OQ));
}
// x < y ? yes : no. A NaN compares false.
RAGDRAFT_INLINE F32x16 select_less(F32x16 x, F32x16 y, F32x16 yes, F32x16 no) {
  return {select_less_half(x.a, y.a, yes.a, no.a), select_less_half(x.b, y.b, yes.b, no.b)};
}
// 2^n is out of range for one float at the ends, so n is applied in two exact halves; only the last product rounds.
RAGDRAFT_INLINE __m256 scale_half(__m256 x, __m256 n) {
  const __m256i all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1), bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(all, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}
// x * 2^n, n integral in [-250, 250], |x| in [2^-30, 2^30], one rounding (subnormal results too).
RAGDRAFT_INLINE F32x16 scale_pow2(F32x16 x, F32x16 n) { return {scale_half(x.a, n.a), scale_half(x.b, n.b)}; }

RAGDRAFT_INLINE void store(float* p, F32x16 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
// Saturates at +-65504, nearest even, NaN stays.
RAGDRAFT_INLINE void store_f16(uint16_t* p, F32x16 x) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  const F32x16 y = max(F32x16::set1(-65504.0f), min(F32x16::set1(65504.0f), x));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(y.a, kMode));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(y.b, kMode));
}
RAGDRAFT_INLINE __m256i narrow_bf16(__m256 value) {  // in the low half of each lane
  const __m256i x = _mm256_castps_si256(value), high = _mm256_srli_epi32(x, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(x, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q)));
}
// Nearest even, NaN stays.
RAGDRAFT_INLINE void store_bf16(uint16_t* p, F32x16 x) {
  const __m256i packed = _mm256_packus_epi32(narrow_bf16(x.a), narrow_bf16(x.b));  // 128-bit halves interleaved: a0 b0 a1 b1
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
RAGDRAFT_INLINE float reduce_add(F32x16 x) {
  const __m256 b = _mm256_add_ps(x.a, x.b);
  const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
}
RAGDRAFT_INLINE float reduce_max(F32x16 x) {
  const __m256 b = _mm256_max_ps(x.a, x.b);
  const __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_shuffle_ps(d, d, 1)));
}

RAGDRAFT_INLINE F32x16 to_f32(I32x16 x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
// `x` integral, in int32 range.
RAGDRAFT_INLINE I32x16 to_i32(F32x16 x) { return {_mm256_cvttps_epi32(x.a), _mm256_cvttps_epi32(x.b)}; }
RAGDRAFT_INLINE int32_t reduce_add(I32x16 x) {
  const __m256i b = _mm256_add_epi32(x.a, x.b);
  __m128i c = _mm_add_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
  c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xb1)));
}
// Lanes modulo 256.
RAGDRAFT_INLINE void store_s8(int8_t* p, I32x16 x) {
  const __m256i byte = _mm256_set1_epi32(0xff);
  const __m256i words = _mm256_packus_epi32(_mm256_and_si256(x.a, byte), _mm256_and_si256(x.b, byte));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}

// maddubs adds pairs with saturation at 32767: w <= 127 is safe (2 * 127 * 127 = 32258).
RAGDRAFT_INLINE __m256i dot_u7s8_half(__m256i acc, __m256i w, __m256i x) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
// Any w: by nibbles, the upper ones weighted 16 when pairs are summed to 32 bits.
RAGDRAFT_INLINE __m256i dot_u8s8_half(__m256i acc, __m256i w, __m256i x) {
  const __m256i mask = _mm256_set1_epi8(0x0f);
  const __m256i low = _mm256_and_si256(w, mask), high = _mm256_and_si256(_mm256_srli_epi16(w, 4), mask);
  const __m256i sum = _mm256_madd_epi16(_mm256_maddubs_epi16(low, x), _mm256_set1_epi16(1));
  return _mm256_add_epi32(acc, _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(high, x), _mm256_set1_epi16(16))));
}
// acc[i] += sum over j < 4 of w[4 i + j] * x[j]; x: 4 s8 in memory order, w unsigned.
RAGDRAFT_INLINE I32x16 dot_u8s8(I32x16 acc, U8x64 w, int32_t x) {
  const __m256i s = _mm256_set1_epi32(x);
  return {dot_u8s8_half(acc.a, w.a, s), dot_u8s8_half(acc.b, w.b, s)};
}
// Signed v, any unsigned x: even and odd bytes apart, a single product fits 16 bits (255 * 128 = 32640).
RAGDRAFT_INLINE __m256i dot_s8u8_half(__m256i acc, __m256i v, __m256i x) {
  const __m256i one = _mm256_set1_epi16(1), even = _mm256_set1_epi16(0x00ff);
  const __m256i sum = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_and_si256(x, even), v), one);
  return _mm256_add_epi32(acc, _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_andnot_si256(even, x), v), one)));
}
// dot_u8s8 with the signs exchanged: v's bytes are signed, x: 4 u8 in memory order.
RAGDRAFT_INLINE I32x16 dot_s8u8(I32x16 acc, U8x64 v, int32_t x) {
  const __m256i u = _mm256_set1_epi32(x);
  return {dot_s8u8_half(acc.a, v.a, u), dot_s8u8_half(acc.b, v.b, u)};
}
// dot_u8s8 for w <= 127, x >= -127: cheaper.
RAGDRAFT_INLINE I32x16 dot_u7s8(I32x16 acc, U8x64 w, int32_t x) {
  const __m256i s = _mm256_set1_epi32(x);
  return {dot_u7s8_half(acc.a, w.a, s), dot_u7s8_half(acc.b, w.b, s)};
}

// 32 sums of products of bytes, of this instruction set alone.
struct I16x32 {
  __m256i a, b;
  static RAGDRAFT_INLINE I16x32 zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
};
// acc[2 i + j] += w[4 i + 2 j] * x[2 j] + w[4 i + 2 j + 1] * x[2 j + 1]; the caller keeps the sums within 16 bits.
RAGDRAFT_INLINE I16x32 add_products(I16x32 acc, U8x64 w, int32_t x) {
  const __m256i s = _mm256_set1_epi32(x);
  return {_mm256_add_epi16(acc.a, _mm256_maddubs_epi16(w.a, s)), _mm256_add_epi16(acc.b, _mm256_maddubs_epi16(w.b, s))};
}
// acc[i] += kWeight * (s[2 i] + s[2 i + 1])
template <int kWeight>
RAGDRAFT_INLINE I32x16 add_pairs(I32x16 acc, I16x32 s) {
  const __m256i weight = _mm256_set1_epi16(kWeight);
  return {_mm256_add_epi32(acc.a, _mm256_madd_epi16(s.a, weight)), _mm256_add_epi32(acc.b, _mm256_madd_epi16(s.b, weight))};
}

RAGDRAFT_INLINE __m256i keep(__m256i x, int mask) { return _mm256_and_si256(x, _mm256_set1_epi8(char(mask))); }
// Per byte: x & 15, x >> 4.
RAGDRAFT_INLINE U8x64 low4(U8x64 x) { return {keep(x.a, 15), keep(x.b, 15)}; }
RAGDRAFT_INLINE U8x64 high4(U8x64 x) { return {keep(_mm256_srli_epi16(x.a, 4), 15), keep(_mm256_srli_epi16(x.b, 4), 15)}; }
// Per byte: x >> 2 in the low six bits, the upper two are unspecified.
RAGDRAFT_INLINE U8x64 shift_right2(U8x64 x) { return {_mm256_srli_epi16(x.a, 2), _mm256_srli_epi16(x.b, 2)}; }
// Per byte: (high & 15) << 4 | (low & 15), and (high & 0xf0) | low >> 4.
RAGDRAFT_INLINE U8x64 join_low(U8x64 high, U8x64 low) {
  return {_mm256_or_si256(keep(_mm256_slli_epi16(high.a, 4), 0xf0), keep(low.a, 15)),
          _mm256_or_si256(keep(_mm256_slli_epi16(high.b, 4), 0xf0), keep(low.b, 15))};
}
RAGDRAFT_INLINE U8x64 join_high(U8x64 high, U8x64 low) {
  return {_mm256_or_si256(keep(high.a, 0xf0), keep(_mm256_srli_epi16(low.a, 4), 15)),
          _mm256_or_si256(keep(high.b, 0xf0), keep(_mm256_srli_epi16(low.b, 4), 15))};
}
template <int kRight, int kLeft>
RAGDRAFT_INLINE __m256i move_bits(__m256i x) {
  return kRight >= kLeft ? _mm256_srli_epi16(x, kRight >= kLeft ? kRight - kLeft : 0)
                         : _mm256_slli_epi16(x, kRight >= kLeft ? 0 : kLeft - kRight);
}
// Per byte: base | (bits >> kRight & kMask) << kLeft.
template <int kRight, int kMask, int kLeft>
RAGDRAFT_INLINE U8x64 insert_bits(U8x64 base, U8x64 bits) {
  return {_mm256_or_si256(base.a, keep(move_bits<kRight, kLeft>(bits.a), kMask << kLeft)),
          _mm256_or_si256(base.b, keep(move_bits<kRight, kLeft>(bits.b), kMask << kLeft))};
}

// 16 pairs of neighbouring bf16 values, as floats.
struct Bf16Pairs {
  F32x16 first, second;
  static RAGDRAFT_INLINE Bf16Pairs load(const uint16_t* p) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16));
    const __m256i high = _mm256_set1_epi32(int(0xffff0000));
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))},
            {_mm256_castsi256_ps(_mm256_and_si256(a, high)), _mm256_castsi256_ps(_mm256_and_si256(b, high))}};
  }
};
RAGDRAFT_INLINE __m256 round_bf16_half(__m256 value) {
  const __m256i x = _mm256_castps_si256(value), odd = _mm256_and_si256(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(x, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  return _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(int(0xffff0000))));
}
// To the nearest bf16 value, ties to even; finite.
RAGDRAFT_INLINE F32x16 round_bf16(F32x16 x) { return {round_bf16_half(x.a), round_bf16_half(x.b)}; }

}  // namespace
}  // namespace ragdraft::ops
