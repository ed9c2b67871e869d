// Pieces of integer panels (packed_layout.h) as tiles read them: signed bytes, and scales in f32. Include from isa/linear.cc only.
#pragma once
#include "ops/cpu/isa/linear/linear_dots.h"
#include "ops/cpu/isa/linear/linear_integer.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

constexpr int kPieceGroups = 16;  // 512 inputs: 8 KiB of bytes, which stay in L1 while the blocks of a pass go over them

// A step is the inputs that share a scale: 32, or 16 of Q6_K.
template <PackedFormat kFormat>
constexpr int kGroupSteps = kFormat == PackedFormat::kQ6_K ? 2 : 1;
template <PackedFormat kFormat>
constexpr bool kHasMinimum = kFormat == PackedFormat::kQ4_K || kFormat == PackedFormat::kQ5_K || kFormat == PackedFormat::kQ8_0High;
// Symmetric formats: what u is less, so that the signed byte times the scale is the weight.
template <PackedFormat kFormat>
constexpr int kZero = kFormat == PackedFormat::kQ8_0   ? 128
                      : kFormat == PackedFormat::kQ6_K ? 32
                      : kFormat == PackedFormat::kQ4_0 ? 8
                                                       : 0;

// weight = scale * byte + minus_minimum
struct ExpandedPiece {
  alignas(64) uint8_t bytes[kPieceGroups][8][64];         // [group][4 inputs][16 outputs][4]
  alignas(64) float scales[2 * kPieceGroups][16];         // by step
  alignas(64) float minus_minimums[kPieceGroups][16];
};

// The scales as add_group of linear_integer.h has them: results are the same bits.
template <PackedFormat kFormat>
RAGDRAFT_INLINE void expand_scales(const IntegerPanel& panel, int64_t group, int at, ExpandedPiece& piece) {
  if constexpr (kFormat == PackedFormat::kQ8_0 || kFormat == PackedFormat::kQ4_0) {
    store(piece.scales[at], F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.scales) + group * 16));
  } else if constexpr (kFormat == PackedFormat::kQ8_0High) {
    const F32x16 scale = F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.scales) + group * 16);
    store(piece.scales[at], scale * F32x16::set1(16.0f));
    store(piece.minus_minimums[at], scale * F32x16::set1(7.5f - 128.0f));
  } else if constexpr (kFormat == PackedFormat::kQ6_K) {
    const F32x16 super = F32x16::load_f16(reinterpret_cast<const uint16_t*>(panel.supers) + group / kSuperGroups * 16);
    const auto* scales = reinterpret_cast<const int8_t*>(panel.scales) + group * 32;
    store(piece.scales[2 * at], super * F32x16::load_s8(scales));
    store(piece.scales[2 * at + 1], super * F32x16::load_s8(scales + 16));
  } else {
    const uint16_t* super = reinterpret_cast<const uint16_t*>(panel.supers) + group / kSuperGroups * 32;
    const auto* scales = reinterpret_cast<const int8_t*>(panel.scales) + group * 32;
    store(piece.scales[at], F32x16::load_f16(super) * F32x16::load_s8(scales));
    store(piece.minus_minimums[at], neg(F32x16::load_f16(super + 16) * F32x16::load_s8(scales + 16)));
  }
}

// Groups [first, first + count) of a panel.
template <PackedFormat kFormat>
RAGDRAFT_NOINLINE void expand_piece(const IntegerPanel& panel, int64_t first, int count, ExpandedPiece& piece) {
  for (int at = 0; at < count; ++at) {
    const uint8_t *low = panel.low + (first + at) * kLowBytes, *high = panel.high + (first + at) * kHighBytes<kFormat>;
    U8x64 bits = U8x64::zero();
    RAGDRAFT_UNROLL
    for (int pair = 0; pair < 4; ++pair) {
      bits = high_bits<kFormat>(high, pair, bits);
      U8x64 even, odd;
      join_pair<kFormat>(U8x64::load(low + 64 * pair), bits, even, odd);
      store(piece.bytes[at][2 * pair], subtract(even, kZero<kFormat>));
      store(piece.bytes[at][2 * pair + 1], subtract(odd, kZero<kFormat>));
    }
    expand_scales<kFormat>(panel, first + at, at, piece);
  }
}

}  // namespace
}  // namespace ragdraft::ops
