// Attention over kQ8 keys and values (kv/tile_index.h). Include from isa/attention.cc only. Members: attention_float.h.
//
// A query becomes bytes with one scale, as keys are; dot products of bytes are exact, so a score is
//   (sum of q_byte * k_byte) * (key scale * query scale).
// Weights meet values that have a scale per key: weight * value scale is what is rounded, to 8 bits relative to the largest of
// the query's tile, and the exact products are added to the f32 sum of the tiles before with one rounding per tile:
//   out = fma(sum of w_byte * v_byte, largest / 255, out).
// Softmax sums the weights before rounding: what a rounded weight loses is missing in one place only.
#pragma once
#include <string.h>

#include "ops/cpu/isa/attention/attention_softmax.h"
#include "ops/cpu/isa/attention/attention_tiles.h"
#include "ops/cpu/isa/simd/byte_scale.h"

namespace ragdraft::ops {
namespace {

// Words after the bytes in a row of left operands: the factor of the row's results, and the integer that its sums start at.
constexpr int kFactorWord = kMaxHeadDim / 4, kStartWord = kFactorWord + 1;

// Keys (unsigned) times queries, which replaces the result, or values (signed) times weights, which is scaled and added to it.
template <bool kValues>
struct ByteProduct {
  const float* left;  // [rows][kQueryStride] words of 4 bytes
  const uint8_t* block;
  int steps, columns;  // of 4 bytes; a multiple of 16
  float* result;       // [rows][kQueryStride]
  uintptr_t ahead;     // Product::ahead

  template <int R, int N>
  RAGDRAFT_INLINE void multiply_tile(int row, int column) const {
    const float* x = left + row * kQueryStride;
    const uint8_t* vectors_at = block + 4 * column;
    float* to = result + row * kQueryStride + column;
    const uintptr_t next = row == 0 ? ahead : 0;
    I32x16 sums[R][N];
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) {
      RAGDRAFT_UNROLL
      for (int n = 0; n < N; ++n) sums[r][n] = kValues ? I32x16::zero() : I32x16::set1(word(x + r * kQueryStride + kStartWord));
    }
    for (int step = 0; step < steps; ++step, vectors_at += 4 * columns) {
      U8x64 vectors[N];
      RAGDRAFT_UNROLL
      for (int n = 0; n < N; ++n) {
        prefetch_to_l2(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(vectors_at + 64 * n) + next));
        vectors[n] = U8x64::load(vectors_at + 64 * n);
      }
      RAGDRAFT_UNROLL
      for (int r = 0; r < R; ++r) {
        const int32_t bytes = word(x + r * kQueryStride + step);
        RAGDRAFT_UNROLL
        for (int n = 0; n < N; ++n) {
          sums[r][n] = kValues ? dot_s8u8(sums[r][n], vectors[n], bytes) : dot_u8s8(sums[r][n], vectors[n], bytes);
        }
      }
    }
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) {
      const F32x16 factor = F32x16::set1(x[r * kQueryStride + kFactorWord]);
      RAGDRAFT_UNROLL
      for (int n = 0; n < N; ++n) {
        float* place = to + r * kQueryStride + 16 * n;
        store(place, kValues ? fma(to_f32(sums[r][n]), factor, F32x16::load(place)) : to_f32(sums[r][n]) * factor);
      }
    }
  }

  static RAGDRAFT_INLINE int32_t word(const float* at) {
    int32_t bits;
    memcpy(&bits, at, sizeof bits);
    return bits;
  }
};

struct ByteArithmetic {
  static const float* scales(const AttentionBlock& block, const std::byte* elements) {
    return reinterpret_cast<const float*>(elements + size_t(block.padded_head_dim) * kPageTokens);
  }
  static RAGDRAFT_INLINE void prefetch_scales(const AttentionBlock& block, const std::byte* elements, uintptr_t ahead) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(scales(block, elements)) + ahead;
    RAGDRAFT_UNROLL
    for (int line = 0; line < kPageTokens * int(sizeof(float)); line += 64) prefetch_to_l2(reinterpret_cast<const void*>(at + uintptr_t(line)));
  }

  // Dimensions after head_dim are 0 in the query, so that what stands there in keys does not matter.
  static void pack_queries(const AttentionBlock& block, float* operands) {
    float padded[kMaxHeadDim];
    memset(padded, 0, sizeof padded);
    for (int i = 0; i < block.rows * block.group; ++i, operands += kQueryStride) {
      memcpy(padded, query(block, i), size_t(block.head_dim) * sizeof(float));
      ByteRange range;
      for (int d = 0; d < block.padded_head_dim; d += 16) range.include(F32x16::load(padded + d));
      const ByteScale scale = range.scale();
      auto* bytes = reinterpret_cast<int8_t*>(operands);
      int32_t sum = 0;
      for (int d = 0; d < block.padded_head_dim; d += 16) {
        const I32x16 quants = scale.quantise(F32x16::load(padded + d));
        sum += reduce_add(quants);
        store_s8(bytes + d, quants);
      }
      operands[kFactorWord] = scale.scale * block.scale;
      const int32_t start = -kv::kKeyExcess * sum;
      memcpy(operands + kStartWord, &start, sizeof start);
    }
  }

  static RAGDRAFT_INLINE void score(const AttentionBlock& block, const std::byte* keys, const float* operands, int queries, float* scores,
                                    uintptr_t ahead) {
    prefetch_scales(block, keys, ahead);
    multiply(ByteProduct<false>{operands, reinterpret_cast<const uint8_t*>(keys), (block.head_dim + 3) / 4, kPageTokens, scores, ahead},
             queries);
  }

  // As FloatArithmetic::weigh; scores are still without the keys' scales. Weights are bytes in the row's first words, their factor
  // stands where that of a left operand does.
  static RAGDRAFT_INLINE void weigh(const AttentionBlock& block, const std::byte* keys, int visible, float* scores, float& maximum,
                                    float& sum, float* out) {
    TileVectors s;
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = F32x16::load(scores + 16 * i);
    scores[kFactorWord] = weigh_vectors(block, keys, visible, s, maximum, sum, out, reinterpret_cast<int8_t*>(scores));
  }

  // Returns the factor of the weights that it stores: 64 bytes of 0..255, stored modulo 256.
  static RAGDRAFT_INLINE float weigh_vectors(const AttentionBlock& block, const std::byte* keys, int visible, TileVectors& s, float& maximum,
                                             float& sum, float* out, int8_t* bytes) {
    // Below this, 255 / largest would not be finite; such weights are 0.
    constexpr float kSmallest = 1e-35f;
    const float *key_scales = scales(block, keys), *value_scales = scales(block, keys + block.block_bytes);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = s[i] * F32x16::load(key_scales + 16 * i);
    if (visible < kPageTokens) mask(s, visible, -INFINITY);
    raise_maximum(s, block.padded_head_dim, maximum, sum, out);
    const F32x16 shift = F32x16::set1(maximum);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = weight(s[i] - shift);
    sum += total(s);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = s[i] * F32x16::load(value_scales + 16 * i);
    if (visible < kPageTokens) mask(s, visible, 0);  // the scales after them may be anything, too
    const float most = largest(s);
    const F32x16 inverse = F32x16::set1(most < kSmallest ? 0.0f : 255.0f / most);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) store_s8(bytes + 16 * i, to_i32(round(s[i] * inverse)));
    return most < kSmallest ? 0.0f : most / 255.0f;
  }

  static RAGDRAFT_INLINE void add_values(const AttentionBlock& block, const std::byte* values, const float* weights, int queries,
                                         float* out, uintptr_t ahead) {
    prefetch_scales(block, values, ahead);
    multiply(ByteProduct<true>{weights, reinterpret_cast<const uint8_t*>(values), kPageTokens / 4, block.padded_head_dim, out, ahead},
             queries);
  }
};

}  // namespace
}  // namespace ragdraft::ops
