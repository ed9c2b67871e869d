// Panels of f32, f16 or bf16 weights ([k][16 outputs]) times a block of f32 rows. Include from isa/linear.cc only.
// An output has two chains of fused additions, over even and over odd k, added at the end: enough to hide the latency of one
// row, and the same for any number of rows.
#pragma once
#include "ops/cpu/isa/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

template <PackedFormat kFormat>
RAGDRAFT_INLINE F32x16 load_weights(const uint8_t* panel, int64_t k) {
  if constexpr (kFormat == PackedFormat::kF32) return F32x16::load(reinterpret_cast<const float*>(panel) + 16 * k);
  const auto* halves = reinterpret_cast<const uint16_t*>(panel) + 16 * k;
  if constexpr (kFormat == PackedFormat::kF16) return F32x16::load_f16(halves);
  return F32x16::load_bf16(halves);
}

template <PackedFormat kFormat, int R>
struct FloatKernel {
  static RAGDRAFT_INLINE void sum_panel(const PackedWeights& weights, int64_t index, const InputBlock& input, F32x16 (&sums)[R]) {
    constexpr int64_t kStepBytes = kFormat == PackedFormat::kF32 ? 128 : 64;  // two k
    constexpr int64_t kAhead = 2048;                                           // bytes; panels are contiguous
    const uint8_t* panel = weights.data + size_t(index) * weights.panel_bytes + weights.low;
    const float* x = input.floats;
    const int64_t columns = weights.columns;
    F32x16 odd[R];
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = odd[r] = F32x16::zero();
    for (int64_t k = 0; k + 1 < columns; k += 2, x += 2 * R) {
      if constexpr (R == 1) {
        RAGDRAFT_UNROLL
        for (int64_t line = 0; line < kStepBytes; line += 64) prefetch(panel + k / 2 * kStepBytes + kAhead + line);
      }
      const F32x16 a = load_weights<kFormat>(panel, k), b = load_weights<kFormat>(panel, k + 1);
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) sums[r] = fma(a, F32x16::set1(x[r]), sums[r]);
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) odd[r] = fma(b, F32x16::set1(x[R + r]), odd[r]);
    }
    if (columns % 2 != 0) {
      const F32x16 a = load_weights<kFormat>(panel, columns - 1);
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) sums[r] = fma(a, F32x16::set1(x[r]), sums[r]);
    }
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = sums[r] + odd[r];
  }
};

}  // namespace
}  // namespace ragdraft::ops
