// Vectors whose lanes are moved or chosen one by one: what simd.h has no portable form of. Include from isa/attention*.h only.
#pragma once
#include <immintrin.h>

#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// x - floor(x), and x * 2^floor(n); of -inf 0 and 0.
RAGDRAFT_INLINE F32x16 fraction(F32x16 x) { return {_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEG_INF)}; }
RAGDRAFT_INLINE F32x16 scale_pow2_floor(F32x16 x, F32x16 n) { return {_mm512_scalef_ps(x.v, n.v)}; }

// Quarters (of 4 lanes) two of `a`, then two of `b`; and lanes likewise within each quarter. 0x88: the even ones, 0xdd: the odd ones.
template <int kWhich>
RAGDRAFT_INLINE F32x16 join_quarters(F32x16 a, F32x16 b) {
  return {_mm512_shuffle_f32x4(a.v, b.v, kWhich)};
}
template <int kWhich>
RAGDRAFT_INLINE F32x16 join_lanes(F32x16 a, F32x16 b) {
  return {_mm512_shuffle_ps(a.v, b.v, kWhich)};
}
// Lane 4 i + j becomes lane 4 j + i.
RAGDRAFT_INLINE F32x16 transpose_4x4(F32x16 a) {
  return {_mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), a.v)};
}

RAGDRAFT_INLINE I32x16 load_i32(const int32_t* p) { return {_mm512_loadu_si512(p)}; }

// Lane i is bit i.
using Lanes = __mmask16;
RAGDRAFT_INLINE Lanes lanes_below(int count) { return Lanes(count >= 16 ? 0xffff : count <= 0 ? 0 : (1u << count) - 1); }
RAGDRAFT_INLINE Lanes lanes_less(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
RAGDRAFT_INLINE F32x16 keep_lanes(Lanes lanes, F32x16 a) { return {_mm512_maskz_mov_ps(lanes, a.v)}; }
RAGDRAFT_INLINE F32x16 choose_lanes(Lanes lanes, F32x16 yes, F32x16 no) { return {_mm512_mask_mov_ps(no.v, lanes, yes.v)}; }
RAGDRAFT_INLINE void store_lanes(float* p, Lanes lanes, F32x16 a) { _mm512_mask_storeu_ps(p, lanes, a.v); }

}  // namespace
}  // namespace ragdraft::ops
