// Panels of bf16 weights (packed_layout.h) times a block of rows rounded to bf16, by dot products of pairs. Include from isa/linear.cc
// only, where RAGDRAFT_HAS_BF16.
//
// An output has one chain of dot products in ascending k. Two panels at a time: the latency of a row's chain hides behind the other's,
// and an input that was loaded serves both.
#pragma once
#include <cstring>

#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

RAGDRAFT_INLINE int32_t load_pair(const uint16_t* x) {
  int32_t pair;
  std::memcpy(&pair, x, sizeof pair);
  return pair;
}

struct Bf16Kernel {
  static constexpr int kPanels = 2;
  template <int P, int R>
  static RAGDRAFT_INLINE void sum_panels(const PackedWeights& weights, int64_t index, const InputBlock& input, F32x16 (&sums)[P * R]) {
    constexpr int64_t kAhead = 1024;  // prefetch distance in values: 2 KiB; panels are contiguous
    const auto* panel = reinterpret_cast<const uint16_t*>(weights.data + weights.low + size_t(index) * weights.low_step);
    const int64_t step = int64_t(weights.low_step / 2), pairs = padded_columns(weights.columns) / 2;
    const uint16_t* x = input.halves;
    RAGDRAFT_UNROLL
    for (int i = 0; i < P * R; ++i) sums[i] = F32x16::zero();
    for (int64_t pair = 0; pair < pairs; ++pair, panel += 32, x += 2 * R) {
      NativeBf16Pairs w[P];
      RAGDRAFT_UNROLL
      for (int p = 0; p < P; ++p) {
        prefetch(panel + p * step + kAhead);
        w[p] = NativeBf16Pairs::load(panel + p * step);
      }
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) {
        const int32_t input_pair = load_pair(x + 2 * r);
        RAGDRAFT_UNROLL
        for (int p = 0; p < P; ++p) sums[p * R + r] = dot_bf16(sums[p * R + r], w[p], input_pair);
      }
    }
  }
};

}  // namespace
}  // namespace ragdraft::ops
