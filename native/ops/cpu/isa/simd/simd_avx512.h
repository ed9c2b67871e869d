// simd.h for AVX-512 (F, BW, DQ, VL, VNNI): one register per vector.
#pragma once
#include <immintrin.h>

namespace ragdraft::ops {
namespace {

struct F32x16 {
  __m512 v;
  static RAGDRAFT_INLINE F32x16 zero() { return {_mm512_setzero_ps()}; }
  static RAGDRAFT_INLINE F32x16 set1(float x) { return {_mm512_set1_ps(x)}; }
  static RAGDRAFT_INLINE F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static RAGDRAFT_INLINE F32x16 load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static RAGDRAFT_INLINE F32x16 load_s8(const int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
};
struct I32x16 {
  __m512i v;
  static RAGDRAFT_INLINE I32x16 zero() { return {_mm512_setzero_si512()}; }
  static RAGDRAFT_INLINE I32x16 set1(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static RAGDRAFT_INLINE I32x16 load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
};
struct U8x64 {
  __m512i v;
  static RAGDRAFT_INLINE U8x64 zero() { return {_mm512_setzero_si512()}; }
  static RAGDRAFT_INLINE U8x64 load(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
};

RAGDRAFT_INLINE F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// A NaN in `b` stays (the x86 instructions return the second operand), here and on every instruction set.
RAGDRAFT_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 neg(F32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
RAGDRAFT_INLINE F32x16 abs(F32x16 a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
// To the nearest integer, ties to even; |x| < 2^22.
RAGDRAFT_INLINE F32x16 round(F32x16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// x < y ? yes : no. A NaN compares false.
RAGDRAFT_INLINE F32x16 select_less(F32x16 x, F32x16 y, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, y.v, _CMP_LT_OQ), no.v, yes.v)};
}
// x * 2^n, n integral in [-250, 250], one rounding (subnormal results too).
RAGDRAFT_INLINE F32x16 scale_pow2(F32x16 x, F32x16 n) { return {_mm512_scalef_ps(x.v, n.v)}; }

RAGDRAFT_INLINE void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
// Saturates at +-65504, nearest even, NaN stays.
RAGDRAFT_INLINE void store_f16(uint16_t* p, F32x16 a) {
  const F32x16 clamped = max(F32x16::set1(-65504.0f), min(F32x16::set1(65504.0f), a));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(clamped.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
// Nearest even, subnormals kept (vcvtneps2bf16 would flush them), NaN stays.
RAGDRAFT_INLINE void store_bf16(uint16_t* p, F32x16 a) {
  const __m512i x = _mm512_castps_si512(a.v), high = _mm512_srli_epi32(x, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(x, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i result = _mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(result));
}
RAGDRAFT_INLINE float reduce_add(F32x16 a) {
  const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
}
RAGDRAFT_INLINE float reduce_max(F32x16 a) {
  const __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_shuffle_ps(d, d, 1)));
}

RAGDRAFT_INLINE I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
RAGDRAFT_INLINE F32x16 as_f32(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }  // the same bits
RAGDRAFT_INLINE F32x16 to_f32(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
// `a` integral, in int32 range.
RAGDRAFT_INLINE I32x16 to_i32(F32x16 a) { return {_mm512_cvttps_epi32(a.v)}; }
RAGDRAFT_INLINE int32_t reduce_add(I32x16 a) { return _mm512_reduce_add_epi32(a.v); }
RAGDRAFT_INLINE void store(uint8_t* p, U8x64 a) { _mm512_storeu_si512(p, a.v); }
// Lanes modulo 256.
RAGDRAFT_INLINE void store_s8(int8_t* p, I32x16 a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v)); }

// acc[i] += sum over j < 4 of w[4 i + j] * x[j]; x: 4 s8 in memory order, w unsigned.
RAGDRAFT_INLINE I32x16 dot_u8s8(I32x16 acc, U8x64 w, int32_t x) { return {_mm512_dpbusd_epi32(acc.v, w.v, _mm512_set1_epi32(x))}; }
// The same with the signs exchanged: v's bytes are signed, x: 4 u8 in memory order.
RAGDRAFT_INLINE I32x16 dot_s8u8(I32x16 acc, U8x64 v, int32_t x) { return {_mm512_dpbusd_epi32(acc.v, _mm512_set1_epi32(x), v.v)}; }
// dot_u8s8 for w <= 127, x >= -127: cheaper where the instruction set saturates.
RAGDRAFT_INLINE I32x16 dot_u7s8(I32x16 acc, U8x64 w, int32_t x) { return dot_u8s8(acc, w, x); }

// Per byte, modulo 256.
RAGDRAFT_INLINE U8x64 subtract(U8x64 a, uint8_t b) { return {_mm512_sub_epi8(a.v, _mm512_set1_epi8(char(b)))}; }
// Per byte: a & 15, a >> 4.
RAGDRAFT_INLINE U8x64 low4(U8x64 a) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(0x0f))}; }
RAGDRAFT_INLINE U8x64 high4(U8x64 a) { return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(0x0f))}; }
// Per byte: a >> 2 in the low six bits, the upper two are unspecified.
RAGDRAFT_INLINE U8x64 shift_right2(U8x64 a) { return {_mm512_srli_epi16(a.v, 2)}; }
// Per byte: (high & 15) << 4 | (low & 15), and (high & 0xf0) | low >> 4. 0xca: first operand chooses second or third.
RAGDRAFT_INLINE U8x64 join_low(U8x64 high, U8x64 low) {
  return {_mm512_ternarylogic_epi32(_mm512_set1_epi8(char(0xf0)), _mm512_slli_epi16(high.v, 4), low.v, 0xca)};
}
RAGDRAFT_INLINE U8x64 join_high(U8x64 high, U8x64 low) {
  return {_mm512_ternarylogic_epi32(_mm512_set1_epi8(char(0xf0)), high.v, _mm512_srli_epi16(low.v, 4), 0xca)};
}
// Per byte: base | (bits >> kRight & kMask) << kLeft. 0xf8: a | (b & c).
template <int kRight, int kMask, int kLeft>
RAGDRAFT_INLINE U8x64 insert_bits(U8x64 base, U8x64 bits) {
  const __m512i shifted = kRight >= kLeft ? _mm512_srli_epi16(bits.v, kRight >= kLeft ? kRight - kLeft : 0)
                                          : _mm512_slli_epi16(bits.v, kRight >= kLeft ? 0 : kLeft - kRight);
  return {_mm512_ternarylogic_epi32(base.v, shifted, _mm512_set1_epi8(char(kMask << kLeft)), 0xf8)};
}

// 16 pairs of neighbouring bf16 values, as floats.
struct Bf16Pairs {
  F32x16 first, second;
  static RAGDRAFT_INLINE Bf16Pairs load(const uint16_t* p) {
    const __m512i pairs = _mm512_loadu_si512(p);
    return {{_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16))},
            {_mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(int(0xffff0000))))}};
  }
};
// To the nearest bf16 value, ties to even; finite.
RAGDRAFT_INLINE F32x16 round_bf16(F32x16 a) {
  const __m512i x = _mm512_castps_si512(a.v), odd = _mm512_and_si512(_mm512_srli_epi32(x, 16), _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(x, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  return {_mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(int(0xffff0000))))};
}
#if RAGDRAFT_HAS_BF16
// 16 pairs of neighbouring bf16 values, as the dot-product instruction takes them.
struct NativeBf16Pairs {
  __m512i v;
  static RAGDRAFT_INLINE NativeBf16Pairs load(const uint16_t* p) { return {_mm512_loadu_si512(p)}; }
};
// acc[i] += sum over j < 2 of b[2 i + j] * x[j]; x: a pair in memory order. Subnormals count as 0.
RAGDRAFT_INLINE F32x16 dot_bf16(F32x16 acc, NativeBf16Pairs b, int32_t x) {
  return {_mm512_dpbf16_ps(acc.v, (__m512bh)_mm512_set1_epi32(x), (__m512bh)b.v)};
}
// Nearest even, in order; subnormals become 0, NaN stays.
RAGDRAFT_INLINE NativeBf16Pairs to_bf16_pairs(F32x16 low, F32x16 high) { return {(__m512i)_mm512_cvtne2ps_pbh(high.v, low.v)}; }
RAGDRAFT_INLINE void store(void* p, NativeBf16Pairs a) { _mm512_storeu_si512(p, a.v); }
#endif

}  // namespace
}  // namespace ragdraft::ops
