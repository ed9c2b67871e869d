// Panels of integer weights (packed_layout.h) times a block of quantised rows. Include from isa/linear.cc only.
//
// Per group of inputs the 4-way dot products are exact; each output then has one chain, in ascending k:
//   sum = fma(weight scale * input scale, float(dot), sum)
// Symmetric formats start the dot at -zero * sum(x), formats with a minimum add fma(-minimum, input scale * sum(x), sum).
// A lane is an output, so there is no reduction across lanes, and a row's chain is the same whatever rows stand beside it.
#pragma once
#include <cstring>

#include "ops/cpu/isa/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

constexpr int kSuperGroups = 8;     // groups of 32 inputs in a super-block of 256
constexpr int64_t kAheadGroups = 8; // prefetch distance: 4 KiB of an 8-bit panel

// One panel, at the start of its planes.
struct IntegerPanel {
  const uint8_t *supers, *scales, *high, *low;
};

RAGDRAFT_INLINE IntegerPanel integer_panel(const PackedWeights& weights, int64_t index) {
  const uint8_t* base = weights.data + size_t(index) * weights.panel_bytes;
  return {base + weights.supers, base + weights.scales, base + weights.high, base + weights.low};
}

// Bytes of `high` per group of 32 inputs.
template <PackedFormat kFormat>
constexpr int kHighBytes = kFormat == PackedFormat::kQ8_0 ? 256 : kFormat == PackedFormat::kQ6_K ? 128 : kFormat == PackedFormat::kQ5_K ? 64 : 0;
constexpr int kLowBytes = 256;

// u of inputs 8 kPair .. 8 kPair + 7 of a group: first = the lower four, second = the upper four.
template <PackedFormat kFormat, int kPair>
RAGDRAFT_INLINE void load_pair(const IntegerPanel& panel, int64_t group, U8x64& first, U8x64& second) {
  const U8x64 low = U8x64::load(panel.low + group * kLowBytes + 64 * kPair);
  if constexpr (kFormat == PackedFormat::kQ8_0) {
    const U8x64 high = U8x64::load(panel.high + group * kHighBytes<kFormat> + 64 * kPair);
    first = join_low(high, low);
    second = join_high(high, low);
  } else if constexpr (kFormat == PackedFormat::kQ5_K) {
    const U8x64 bits = U8x64::load(panel.high + group * kHighBytes<kFormat>);
    first = insert_bits<2 * kPair, 1, 4>(low4(low), bits);
    second = insert_bits<2 * kPair + 1, 1, 4>(high4(low), bits);
  } else if constexpr (kFormat == PackedFormat::kQ6_K) {
    constexpr int kField = kPair % 2 * 2;  // of the four in a group of 16
    const U8x64 bits = U8x64::load(panel.high + group * kHighBytes<kFormat> + 64 * (kPair / 2));
    first = insert_bits<2 * kField, 3, 4>(low4(low), bits);
    second = insert_bits<2 * kField + 2, 3, 4>(high4(low), bits);
  } else {
    first = low4(low);
    second = high4(low);
  }
}

template <PackedFormat kFormat>
RAGDRAFT_INLINE I32x16 dot(I32x16 sum, U8x64 weights, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof four);
  if constexpr (kFormat == PackedFormat::kQ8_0) return dot_u8s8(sum, weights, four);
  return dot_u7s8(sum, weights, four);
}

template <PackedFormat kFormat, int kPair, int R>
RAGDRAFT_INLINE void dot_pair(const IntegerPanel& panel, int64_t group, const InputBlock& input, I32x16 (&dots)[R]) {
  U8x64 first, second;
  load_pair<kFormat, kPair>(panel, group, first, second);
  const int8_t* x = input.quants + (group * 8 + 2 * kPair) * R * 4;
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) dots[r] = dot<kFormat>(dots[r], first, x + 4 * r);
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) dots[r] = dot<kFormat>(dots[r], second, x + 4 * (R + r));
}

template <int R>
RAGDRAFT_INLINE void add_dots(F32x16 scale, const float* input_scales, const I32x16 (&dots)[R], F32x16 (&sums)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) sums[r] = fma(scale * F32x16::set1(input_scales[r]), to_f32(dots[r]), sums[r]);
}

// Where the dots of group `group` (Q6_K: half-group) start.
template <PackedFormat kFormat, int R>
RAGDRAFT_INLINE void start_dots(const InputBlock& input, int64_t group, I32x16 (&dots)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) {
    if constexpr (kFormat == PackedFormat::kQ8_0) dots[r] = I32x16::set1(input.minus128[group * R + r]);
    else if constexpr (kFormat == PackedFormat::kQ4_0) dots[r] = I32x16::set1(input.minus8[group * R + r]);
    else if constexpr (kFormat == PackedFormat::kQ6_K) dots[r] = I32x16::set1(input.minus32[group * R + r]);
    else dots[r] = I32x16::zero();
  }
}

template <PackedFormat kFormat, int R>
RAGDRAFT_INLINE void add_group(const IntegerPanel& panel, int64_t group, const InputBlock& input, F32x16 (&sums)[R]) {
  const auto* supers = reinterpret_cast<const uint16_t*>(panel.supers);
  const auto* bytes = reinterpret_cast<const int8_t*>(panel.scales) + group * 32;
  const float* input_scales = input.scales + group * R;
  I32x16 dots[R];
  if constexpr (kFormat == PackedFormat::kQ6_K) {
    const F32x16 super = F32x16::load_f16(supers + group / kSuperGroups * 16);
    start_dots<kFormat, R>(input, 2 * group, dots);
    dot_pair<kFormat, 0, R>(panel, group, input, dots);
    dot_pair<kFormat, 1, R>(panel, group, input, dots);
    add_dots<R>(super * F32x16::load_s8(bytes), input_scales, dots, sums);
    start_dots<kFormat, R>(input, 2 * group + 1, dots);
    dot_pair<kFormat, 2, R>(panel, group, input, dots);
    dot_pair<kFormat, 3, R>(panel, group, input, dots);
    add_dots<R>(super * F32x16::load_s8(bytes + 16), input_scales, dots, sums);
    return;
  }
  start_dots<kFormat, R>(input, group, dots);
  dot_pair<kFormat, 0, R>(panel, group, input, dots);
  dot_pair<kFormat, 1, R>(panel, group, input, dots);
  dot_pair<kFormat, 2, R>(panel, group, input, dots);
  dot_pair<kFormat, 3, R>(panel, group, input, dots);
  if constexpr (kFormat == PackedFormat::kQ8_0 || kFormat == PackedFormat::kQ4_0) {
    add_dots<R>(F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.scales) + group * 16), input_scales, dots, sums);
  } else {  // the 6-bit scales and minimums fit s8
    const uint16_t* super = supers + group / kSuperGroups * 32;
    add_dots<R>(F32x16::load_f16(super) * F32x16::load_s8(bytes), input_scales, dots, sums);
    const F32x16 minus_minimum = neg(F32x16::load_f16(super + 16) * F32x16::load_s8(bytes + 16));
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = fma(minus_minimum, F32x16::set1(input.scaled_sums[group * R + r]), sums[r]);
  }
}

// Panels follow each other, planes do not: the lines after a plane's end are those of the same plane in the next panel.
template <PackedFormat kFormat>
RAGDRAFT_INLINE void prefetch_group(const IntegerPanel& panel, const IntegerPanel& next, int64_t group, int64_t groups) {
  const bool here = group + kAheadGroups < groups;
  const IntegerPanel& from = here ? panel : next;
  const int64_t ahead = here ? group + kAheadGroups : group + kAheadGroups - groups;
  RAGDRAFT_UNROLL
  for (int line = 0; line < kLowBytes; line += 64) prefetch(from.low + ahead * kLowBytes + line);
  RAGDRAFT_UNROLL
  for (int line = 0; line < kHighBytes<kFormat>; line += 64) prefetch(from.high + ahead * kHighBytes<kFormat> + line);
}

template <PackedFormat kFormat, int R>
struct IntegerKernel {
  static RAGDRAFT_INLINE void sum_panel(const PackedWeights& weights, int64_t index, const InputBlock& input, F32x16 (&sums)[R]) {
    const int64_t groups = weights.columns / kGroupInputs;
    const IntegerPanel panel = integer_panel(weights, index);
    const IntegerPanel next = integer_panel(weights, index + 1 < weights.panels ? index + 1 : index);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = F32x16::zero();
    for (int64_t group = 0; group < groups; ++group) {
      if constexpr (R == 1) prefetch_group<kFormat>(panel, next, group, groups);
      add_group<kFormat, R>(panel, group, input, sums);
    }
  }
};

}  // namespace
}  // namespace ragdraft::ops
