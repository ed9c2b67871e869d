// Panels of integer weights (packed_layout.h) times a block of quantised rows. Include from isa/linear.cc only.
//
// Per group of inputs the 4-way dot products are exact; each output then has one chain, in ascending k:
//   sum = fma(weight scale * input scale, float(dot), sum)
// Symmetric formats start the dot at -zero * sum(x), formats with a minimum add fma(-minimum, input scale * sum(x), sum), and so
// does the upper half of Q8_0, whose zero is no integer.
// A lane is an output, so there is no reduction across lanes, and a row's chain is the same whatever rows stand beside it.
#pragma once
#include "ops/cpu/isa/linear/linear_dots.h"
#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

constexpr int kSuperGroups = 8;      // groups of 32 inputs in a super-block of 256

// One panel, at the start of its planes.
struct IntegerPanel {
  const uint8_t *supers, *scales, *high, *low;
};

RAGDRAFT_INLINE IntegerPanel integer_panel(const PackedWeights& weights, int64_t index) {
  const uint8_t* base = weights.data + size_t(index) * weights.panel_step;
  return {base + weights.supers, base + weights.scales, base + weights.high, weights.data + weights.low + size_t(index) * weights.low_step};
}

// Bytes of `low` and `high` per group of 32 inputs.
constexpr int kLowBytes = 256;
template <PackedFormat kFormat>
constexpr int kHighBytes = kFormat == PackedFormat::kQ8_0   ? 256
                           : kFormat == PackedFormat::kQ6_K ? 128
                           : kFormat == PackedFormat::kQ5_K ? 64
                                                            : 0;

template <int R>
RAGDRAFT_INLINE void add_scaled(F32x16 scale, const float* input_scales, const I32x16 (&dots)[R], F32x16 (&sums)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) sums[r] = fma(scale * F32x16::set1(input_scales[r]), to_f32(dots[r]), sums[r]);
}

template <int R>
RAGDRAFT_INLINE void add_minimum(F32x16 minus_minimum, const float* scaled_sums, F32x16 (&sums)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) sums[r] = fma(minus_minimum, F32x16::set1(scaled_sums[r]), sums[r]);
}

template <int R>
RAGDRAFT_INLINE void start_dots(const int32_t* starts, I32x16 (&dots)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) dots[r] = I32x16::set1(starts[r]);
}

template <PackedFormat kFormat, int R>
RAGDRAFT_INLINE void add_group(const IntegerPanel& panel, int64_t group, const InputBlock& input, F32x16 (&sums)[R]) {
  const uint8_t *low = panel.low + group * kLowBytes, *high = panel.high + group * kHighBytes<kFormat>;
  const int8_t* x = input.quants + group * kGroupInputs * R;
  const float* input_scales = input.scales + group * R;
  I32x16 dots[R];
  if constexpr (kFormat == PackedFormat::kQ8_0 || kFormat == PackedFormat::kQ4_0) {
    start_dots<R>((kFormat == PackedFormat::kQ8_0 ? input.minus128 : input.minus8) + group * R, dots);
    add_dots<kFormat, 0, 4, R>(low, high, x, dots);
    add_scaled<R>(F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.scales) + group * 16), input_scales, dots, sums);
  } else if constexpr (kFormat == PackedFormat::kQ6_K) {  // two groups of 16 inputs
    const F32x16 super = F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.supers) + group / kSuperGroups * 16);
    const auto* scales = reinterpret_cast<const int8_t*>(panel.scales) + group * 32;
    start_dots<R>(input.minus32 + 2 * group * R, dots);
    add_dots<kFormat, 0, 2, R>(low, high, x, dots);
    add_scaled<R>(super * F32x16::load_s8(scales), input_scales, dots, sums);
    start_dots<R>(input.minus32 + (2 * group + 1) * R, dots);
    add_dots<kFormat, 2, 4, R>(low, high, x, dots);
    add_scaled<R>(super * F32x16::load_s8(scales + 16), input_scales, dots, sums);
  } else if constexpr (kFormat == PackedFormat::kQ8_0High) {  // q + 128 = 16 u + 0..15, in the mean 16 u + 7.5
    const F32x16 scale = F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.scales) + group * 16);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) dots[r] = I32x16::zero();
    add_dots<kFormat, 0, 4, R>(low, high, x, dots);
    add_scaled<R>(scale * F32x16::set1(16.0f), input_scales, dots, sums);
    add_minimum<R>(scale * F32x16::set1(7.5f - 128.0f), input.scaled_sums + group * R, sums);
  } else {  // Q4_K, Q5_K: 6-bit scales and minimums fit s8
    const uint16_t* super = reinterpret_cast<const uint16_t*>(panel.supers) + group / kSuperGroups * 32;
    const auto* scales = reinterpret_cast<const int8_t*>(panel.scales) + group * 32;
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) dots[r] = I32x16::zero();
    add_dots<kFormat, 0, 4, R>(low, high, x, dots);
    add_scaled<R>(F32x16::load_f16(super) * F32x16::load_s8(scales), input_scales, dots, sums);
    add_minimum<R>(neg(F32x16::load_f16(super + 16) * F32x16::load_s8(scales + 16)), input.scaled_sums + group * R, sums);
  }
}

// Prefetch distance, of both planes together. 2 KiB: half and twice as much are slower on Sapphire Rapids, where the hardware's
// prefetchers are that far ahead in a plane and lines come from L2. On Zen they come from DRAM, and a core of Zen 5 needs 6 to 8 KiB on
// their way: Q8_0 and K-quants gain 7 to 40 % by them, 4 and 12 KiB are slower. On Zen 4 12 to 16 KiB are as good, 3 to 4 KiB are slower.
template <PackedFormat kFormat>
constexpr int64_t kAheadBytes = !RAGDRAFT_IS_ZEN ? 2048 : kHighBytes<kFormat> > 0 ? 8192 : 6144;
template <PackedFormat kFormat>
constexpr int64_t kAheadGroups = kAheadBytes<kFormat> / (kLowBytes + kHighBytes<kFormat>);

// Zen 4's buffers for lines on their way into L1 are full before DRAM is busy: a core reads 14 GB/s of a K-quant with panels of 2,048
// inputs into L1, 21 into L2 (of one stream 30). Two cores decode a 1B model in Q4_K_M in a fifth less time, in Q8_0 in 6 % less. The
// other planes, an eighth of the bytes, gain nothing by it. Not measured on Zen 5, whose distances above are those into L1.
RAGDRAFT_INLINE void fetch(const uint8_t* address) { RAGDRAFT_IS_ZEN ? prefetch_to_l2(address) : prefetch(address); }

// Panels follow each other, planes do not: the lines after a plane's end are those of the same plane in the next panel.
template <PackedFormat kFormat>
RAGDRAFT_INLINE void prefetch_group(const IntegerPanel& panel, const IntegerPanel& next, int64_t group, int64_t groups) {
  const bool here = group + kAheadGroups<kFormat> < groups;
  const IntegerPanel& from = here ? panel : next;
  const int64_t ahead = here ? group + kAheadGroups<kFormat> : group + kAheadGroups<kFormat> - groups;
  RAGDRAFT_UNROLL
  for (int line = 0; line < kLowBytes; line += 64) fetch(from.low + ahead * kLowBytes + line);
  RAGDRAFT_UNROLL
  for (int line = 0; line < kHighBytes<kFormat>; line += 64) fetch(from.high + ahead * kHighBytes<kFormat> + line);
}

template <PackedFormat kFormat>
struct IntegerKernel {
  static constexpr int kPanels = 1;
  template <int P, int R>
  static RAGDRAFT_INLINE void sum_panels(const PackedWeights& weights, int64_t index, const InputBlock& input, F32x16 (&sums)[P * R]) {
    static_assert(P == 1);
    const int64_t groups = weights.columns / kGroupInputs;
    const IntegerPanel panel = integer_panel(weights, index);
    const IntegerPanel next = integer_panel(weights, index + 1 < weights.panels ? index + 1 : index);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = F32x16::zero();
    for (int64_t group = 0; group < groups; ++group) {
      prefetch_group<kFormat>(panel, next, group, groups);
      add_group<kFormat, R>(panel, group, input, sums);
    }
  }
};

}  // namespace
}  // namespace ragdraft::ops
