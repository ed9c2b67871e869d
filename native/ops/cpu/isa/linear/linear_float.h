// Panels of f32, f16 or bf16 weights (packed_layout.h) times a block of f32 rows. Include from isa/linear.cc only.
// An output has two chains of fused additions, over even and over odd k, added at the end: enough to hide the latency of one
// row, and the same for any number of rows.
#pragma once
#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

// The weights of k, even, and of k + 1.
struct WeightPair {
  F32x16 first, second;
};
template <PackedFormat kFormat>
RAGDRAFT_INLINE WeightPair load_pair(const uint8_t* panel, int64_t k) {
  if constexpr (kFormat == PackedFormat::kF32) {
    const float* values = reinterpret_cast<const float*>(panel) + 16 * k;
    return {F32x16::load(values), F32x16::load(values + 16)};
  }
  const uint16_t* halves = reinterpret_cast<const uint16_t*>(panel) + 16 * k;
  if constexpr (kFormat == PackedFormat::kF16) return {F32x16::load_f16(halves), F32x16::load_f16(halves + 16)};
  const Bf16Pairs pairs = Bf16Pairs::load(halves);
  return {pairs.first, pairs.second};
}

// The weights of k, even and the last.
template <PackedFormat kFormat>
RAGDRAFT_INLINE F32x16 load_last(const uint8_t* panel, int64_t k) {
  if constexpr (kFormat == PackedFormat::kF32) return F32x16::load(reinterpret_cast<const float*>(panel) + 16 * k);
  const uint16_t* halves = reinterpret_cast<const uint16_t*>(panel) + 16 * k;
  if constexpr (kFormat == PackedFormat::kF16) return F32x16::load_f16(halves);
  return Bf16Pairs::load(halves).first;
}

// The lines of k and k + 1, k even.
template <PackedFormat kFormat>
RAGDRAFT_INLINE void prefetch_weights(const uint8_t* panel, int64_t k) {
  if constexpr (kFormat == PackedFormat::kF32) {
    prefetch(panel + 64 * k);
    prefetch(panel + 64 * k + 64);
  } else {
    prefetch(panel + 32 * k);
  }
}

template <int R>
RAGDRAFT_INLINE void add_products(F32x16 weights, const float* x, F32x16 (&sums)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) sums[r] = fma(weights, F32x16::set1(x[r]), sums[r]);
}

template <PackedFormat kFormat>
struct FloatKernel {
  static constexpr int kPanels = 1;
  template <int P, int R>
  static RAGDRAFT_INLINE void sum_panels(const PackedWeights& weights, int64_t index, const InputBlock& input, F32x16 (&sums)[P * R]) {
    static_assert(P == 1);
    constexpr int64_t kAhead = kFormat == PackedFormat::kF32 ? 32 : 64;  // prefetch distance in k: 2 KiB; panels are contiguous
    const uint8_t* panel = weights.data + weights.low + size_t(index) * weights.low_step;
    const int64_t columns = weights.columns;
    const float* x = input.floats;
    const int64_t stride = input.stride;
    F32x16 odd[R];
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = odd[r] = F32x16::zero();
    for (int64_t k = 0; k + 1 < columns; k += 2, x += 2 * stride) {
      prefetch_weights<kFormat>(panel, k + kAhead);
      const WeightPair pair = load_pair<kFormat>(panel, k);
      add_products<R>(pair.first, x, sums);
      add_products<R>(pair.second, x + stride, odd);
    }
    if (columns % 2 != 0) add_products<R>(load_last<kFormat>(panel, columns - 1), x, sums);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = sums[r] + odd[r];
  }
};

}  // namespace
}  // namespace ragdraft::ops
