// Exact dot products of one panel's integer weights with R rows of quantised inputs, in pairs of vectors: pair i of a group
// covers its inputs 8 i .. 8 i + 7. Include from isa/linear.cc only.
#pragma once
#include <cstring>

#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/packed_layout.h"

namespace ragdraft::ops {
namespace {

// Four inputs of a row.
RAGDRAFT_INLINE int32_t load_inputs(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof four);
  return four;
}

// The upper bits of pair `pair`: a vector of `high`, loaded when the pair starts one, else shifted on.
template <PackedFormat kFormat>
RAGDRAFT_INLINE U8x64 high_bits(const uint8_t* high, int pair, U8x64 previous) {
  if constexpr (kFormat == PackedFormat::kQ8_0) return U8x64::load(high + 64 * pair);
  if constexpr (kFormat == PackedFormat::kQ5_K) return pair == 0 ? U8x64::load(high) : shift_right2(previous);
  if constexpr (kFormat == PackedFormat::kQ6_K) return pair % 2 == 0 ? U8x64::load(high + 32 * pair) : high4(previous);
  return previous;
}

// u of inputs 8 pair .. 8 pair + 7 of a group: first = the lower four, second = the upper four.
template <PackedFormat kFormat>
RAGDRAFT_INLINE void join_pair(U8x64 low, U8x64 high, U8x64& first, U8x64& second) {
  if constexpr (kFormat == PackedFormat::kQ8_0) {
    first = join_low(high, low);
    second = join_high(high, low);
  } else if constexpr (kFormat == PackedFormat::kQ5_K) {
    first = insert_bits<0, 1, 4>(low4(low), high);
    second = insert_bits<1, 1, 4>(high4(low), high);
  } else if constexpr (kFormat == PackedFormat::kQ6_K) {
    first = insert_bits<0, 3, 4>(low4(low), high);
    second = insert_bits<2, 3, 4>(high4(low), high);
  } else {
    first = low4(low);
    second = high4(low);
  }
}

#if RAGDRAFT_ISA_LEVEL == 1

// Without a 4-way byte dot product: byte products are summed in pairs to 16 bits (with saturation at 32767), and those sums
// may be added up in 16 bits while  terms * largest u * 127  stays below that: 4 bits 16 terms (30480), 5 bits 8 (31496),
// 6 bits 4 (32004). A pair of vectors makes 4 terms a lane. 8 bits are taken as two planes of 4.

template <PackedFormat kFormat>
constexpr int kPairsIn16Bits = kFormat == PackedFormat::kQ6_K ? 1 : kFormat == PackedFormat::kQ5_K ? 2 : 4;

template <int R>
RAGDRAFT_INLINE void add_pair(U8x64 first, U8x64 second, const int8_t* x, I16x32 (&parts)[R]) {
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) {
    parts[r] = add_products(parts[r], first, load_inputs(x + 4 * r));
    parts[r] = add_products(parts[r], second, load_inputs(x + 4 * (R + r)));
  }
}

// A plane of nibbles, weighted kWeight.
template <int kWeight, int R>
RAGDRAFT_INLINE void add_nibbles(const uint8_t* plane, const int8_t* x, I32x16 (&dots)[R]) {
  I16x32 parts[R];
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) parts[r] = I16x32::zero();
  RAGDRAFT_NO_UNROLL
  for (int pair = 0; pair < 4; ++pair) {
    const U8x64 nibbles = U8x64::load(plane + 64 * pair);
    add_pair<R>(low4(nibbles), high4(nibbles), x + pair * 8 * R, parts);
  }
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) dots[r] = add_pairs<kWeight>(dots[r], parts[r]);
}

// Dots of pairs [kFirst, kLast) of a group; x: the group's quants.
template <PackedFormat kFormat, int kFirst, int kLast, int R>
RAGDRAFT_INLINE void add_dots(const uint8_t* low, const uint8_t* high, const int8_t* x, I32x16 (&dots)[R]) {
  if constexpr (kFormat == PackedFormat::kQ8_0) {
    add_nibbles<1, R>(low, x, dots);
    add_nibbles<16, R>(high, x, dots);
  } else if constexpr (kFormat == PackedFormat::kQ4_0 || kFormat == PackedFormat::kQ4_K || kFormat == PackedFormat::kQ8_0High) {
    add_nibbles<1, R>(low, x, dots);
  } else {
    U8x64 bits = U8x64::zero();
    RAGDRAFT_NO_UNROLL
    for (int begin = kFirst; begin < kLast; begin += kPairsIn16Bits<kFormat>) {
      I16x32 parts[R];
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) parts[r] = I16x32::zero();
      RAGDRAFT_UNROLL
      for (int pair = begin; pair < begin + kPairsIn16Bits<kFormat>; ++pair) {
        bits = high_bits<kFormat>(high, pair, bits);
        U8x64 first, second;
        join_pair<kFormat>(U8x64::load(low + 64 * pair), bits, first, second);
        add_pair<R>(first, second, x + pair * 8 * R, parts);
      }
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) dots[r] = add_pairs<1>(dots[r], parts[r]);
    }
  }
}

#else

template <PackedFormat kFormat>
RAGDRAFT_INLINE I32x16 dot(I32x16 sum, U8x64 weights, const int8_t* x) {
  if constexpr (kFormat == PackedFormat::kQ8_0) return dot_u8s8(sum, weights, load_inputs(x));
  return dot_u7s8(sum, weights, load_inputs(x));
}

// Dots of pairs [kFirst, kLast) of a group; x: the group's quants.
template <PackedFormat kFormat, int kFirst, int kLast, int R>
RAGDRAFT_INLINE void add_dots(const uint8_t* low, const uint8_t* high, const int8_t* x, I32x16 (&dots)[R]) {
  U8x64 bits = U8x64::zero();
  RAGDRAFT_UNROLL
  for (int pair = kFirst; pair < kLast; ++pair) {
    bits = high_bits<kFormat>(high, pair, bits);
    U8x64 first, second;
    join_pair<kFormat>(U8x64::load(low + 64 * pair), bits, first, second);
    const int8_t* inputs = x + pair * 8 * R;
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) dots[r] = dot<kFormat>(dots[r], first, inputs + 4 * r);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) dots[r] = dot<kFormat>(dots[r], second, inputs + 4 * (R + r));
  }
}

#endif

}  // namespace
}  // namespace ragdraft::ops
