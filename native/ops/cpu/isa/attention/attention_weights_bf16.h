// Weights of scores where products take them as bf16. Include from isa/attention*.h only, where RAGDRAFT_HAS_BF16.
#pragma once
#include "ops/cpu/isa/simd/lanes_avx512.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// Weights of the scores of one row, exp(score - maximum), before they are rounded to bf16.
struct PageWeights {
  F32x16 shift;  // -maximum, in units of log 2

  static constexpr float kLog2E = 1.44269504f;
  explicit RAGDRAFT_INLINE PageWeights(float maximum) : shift(F32x16::set1(maximum * -kLog2E)) {}

  // 2^x with x from the score, relative error below 3e-6: one weight in 300 is rounded the other way. From x = -100 on it is 2^-100:
  // scaling into subnormals takes 200 cycles, and what is so far below the largest weight is gone either way. NaN stays.
  // With f = x - floor(x): 2^f by the best polynomial 1 + f (...) of degree 4 on [0, 1], found by least squares, weighted until even.
  RAGDRAFT_INLINE F32x16 operator()(F32x16 score) const {
    const F32x16 x = max(F32x16::set1(-100.0f), fma(score, F32x16::set1(kLog2E), shift)), f = fraction(x);
    F32x16 p = fma(F32x16::set1(0.0134266969f), f, F32x16::set1(0.0522424541f));
    p = fma(fma(p, f, F32x16::set1(0.241280213f)), f, F32x16::set1(0.693044841f));
    return scale_pow2_floor(fma(p, f, F32x16::set1(1.0f)), x);
  }
};

}  // namespace
}  // namespace ragdraft::ops
