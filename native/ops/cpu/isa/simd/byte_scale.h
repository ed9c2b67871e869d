// Vectors of floats to signed bytes with one scale: value ~ scale * byte, byte in [-127, 127], nearest even.
// Include from isa/*.cc only.
#pragma once
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// Where values saturate: scale * 127 must be finite whatever was rounded on the way.
constexpr float kLargestValue = 1e38f;

struct ByteScale {
  float scale, inverse;
  // |result| <= 127: inverse * largest is 127 but for a rounding.
  RAGDRAFT_INLINE I32x16 quantise(F32x16 x) const {
    const F32x16 finite = max(F32x16::set1(-kLargestValue), min(F32x16::set1(kLargestValue), x));
    return to_i32(round(finite * F32x16::set1(inverse)));
  }
};

// The largest magnitude of what it has seen, and whether there was a NaN.
struct ByteRange {
  F32x16 largest = F32x16::zero();
  F32x16 poison = F32x16::zero();  // 0 or NaN

  RAGDRAFT_INLINE void include(F32x16 x) {
    const F32x16 finite = min(F32x16::set1(kLargestValue), abs(x));
    largest = max(largest, finite);
    poison = poison + (finite - finite);
  }
  // Below 1e-30 everything is 0: 127 / largest must be finite.
  RAGDRAFT_INLINE ByteScale scale() const {
    const float most = reduce_max(largest);
    if (most < 1e-30f) return {reduce_add(poison), 0};
    return {most / 127.0f + reduce_add(poison), 127.0f / most};
  }
};

}  // namespace
}  // namespace ragdraft::ops
