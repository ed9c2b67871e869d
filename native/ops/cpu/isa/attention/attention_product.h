// Both products of attention, scores = Q K and out += P V, are one shape: up to a few dozen rows of left operands (queries or
// weights) times a block of a KV page whose rows are vectors over keys or over dimensions. Include from isa/attention.cc only.
//
// An element is one chain of (fused) additions in ascending order of the summed index, whatever rows and vectors stand beside
// it in registers: that makes a query's result independent of its neighbours.
#pragma once
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/attention/attention_tiles.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// How a KV type takes part in a product. A step is one row of a block: kDepth summed indices (2 = interleaved pairs).
// Left operands of a step are kWords 32-bit words; round(x) is the value that the product will see in place of x.
struct F32Operand {
  using Element = float;
  using Vector = F32x16;
  using Scalar = F32x16;
  static constexpr int kDepth = 1, kWords = 1;
  static RAGDRAFT_INLINE Vector load(const Element* p) { return F32x16::load(p); }
  static RAGDRAFT_INLINE Scalar broadcast(const float* words) { return F32x16::set1(words[0]); }
  static RAGDRAFT_INLINE F32x16 add_product(F32x16 sum, const Vector& v, const Scalar& x) { return fma(x, v, sum); }
  static RAGDRAFT_INLINE F32x16 round(F32x16 x) { return x; }
  static RAGDRAFT_INLINE void store_words(float* words, int index, F32x16 low, F32x16 high) {
    store(words + index, low);
    store(words + index + 16, high);
  }
};

struct F16Operand : F32Operand {
  using Element = uint16_t;
  static RAGDRAFT_INLINE Vector load(const Element* p) { return F32x16::load_f16(p); }
};

#if RAGDRAFT_HAS_BF16
struct Bf16Operand {
  using Element = uint16_t;
  using Vector = NativeBf16Pairs;
  using Scalar = int32_t;  // a pair
  static constexpr int kDepth = 2, kWords = 1;
  static RAGDRAFT_INLINE Vector load(const Element* p) { return NativeBf16Pairs::load(p); }
  static RAGDRAFT_INLINE Scalar broadcast(const float* words) {
    int32_t pair;
    memcpy(&pair, words, sizeof pair);
    return pair;
  }
  static RAGDRAFT_INLINE F32x16 add_product(F32x16 sum, const Vector& v, const Scalar& x) { return dot_bf16(sum, v, x); }
  static RAGDRAFT_INLINE F32x16 round(F32x16 x) { return round_bf16(x); }
  static RAGDRAFT_INLINE void store_words(float* words, int index, F32x16 low, F32x16 high) {
    store(words + index / 2, to_bf16_pairs(low, high));
  }
};
#else
// Two steps of f32 arithmetic on a pair; left operands are rounded to bf16, but stay floats.
struct Bf16Operand {
  using Element = uint16_t;
  using Vector = Bf16Pairs;
  struct Scalar {
    F32x16 first, second;
  };
  static constexpr int kDepth = 2, kWords = 2;
  static RAGDRAFT_INLINE Vector load(const Element* p) { return Bf16Pairs::load(p); }
  static RAGDRAFT_INLINE Scalar broadcast(const float* words) { return {F32x16::set1(words[0]), F32x16::set1(words[1])}; }
  static RAGDRAFT_INLINE F32x16 add_product(F32x16 sum, const Vector& v, const Scalar& x) {
    return fma(x.second, v.second, fma(x.first, v.first, sum));
  }
  static RAGDRAFT_INLINE F32x16 round(F32x16 x) { return round_bf16(x); }
  static RAGDRAFT_INLINE void store_words(float* words, int index, F32x16 low, F32x16 high) {
    store(words + index, low);
    store(words + index + 16, high);
  }
};
#endif

// result[r, column] (+)= sum over steps of left[r, step] * block[step, column].
template <class Operand>
struct Product {
  const float* left;  // [rows][kQueryStride] words
  const typename Operand::Element* block;
  int block_stride;  // elements from step to step
  int steps, columns;  // columns: a multiple of 16
  float* result;       // [rows][kQueryStride]
  bool accumulate;     // else the old result counts as 0
  uintptr_t ahead;     // bytes (modulo 2^64) from block to the one that will be read after it, which is prefetched on the way; 0: none

  template <int R, int N>
  RAGDRAFT_INLINE void multiply_tile(int row, int column) const;
};

template <class Operand>
template <int R, int N>
RAGDRAFT_INLINE void Product<Operand>::multiply_tile(int row, int column) const {
  constexpr int kStepBytes = 16 * N * Operand::kDepth * int(sizeof(typename Operand::Element));
  const float* x = left + row * kQueryStride;
  const auto* vectors_at = block + column * Operand::kDepth;
  float* to = result + row * kQueryStride + column;
  const uintptr_t next = row == 0 ? ahead : 0;  // the first rows fetch for all
  F32x16 sums[R][N];
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) {
    RAGDRAFT_UNROLL
    for (int n = 0; n < N; ++n) sums[r][n] = accumulate ? F32x16::load(to + r * kQueryStride + 16 * n) : F32x16::zero();
  }
  for (int step = 0; step < steps; ++step, vectors_at += block_stride, x += Operand::kWords) {
    RAGDRAFT_UNROLL
    for (int line = 0; line < kStepBytes; line += 64) {
      prefetch_to_l2(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(vectors_at) + next + uintptr_t(line)));
    }
    typename Operand::Vector vectors[N];
    RAGDRAFT_UNROLL
    for (int n = 0; n < N; ++n) vectors[n] = Operand::load(vectors_at + 16 * Operand::kDepth * n);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) {
      const typename Operand::Scalar scalar = Operand::broadcast(x + r * kQueryStride);
      RAGDRAFT_UNROLL
      for (int n = 0; n < N; ++n) sums[r][n] = Operand::add_product(sums[r][n], vectors[n], scalar);
    }
  }
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) {
    RAGDRAFT_UNROLL
    for (int n = 0; n < N; ++n) store(to + r * kQueryStride + 16 * n, sums[r][n]);
  }
}

}  // namespace
}  // namespace ragdraft::ops
