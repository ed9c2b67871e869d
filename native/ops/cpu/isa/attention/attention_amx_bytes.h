// Attention over kQ8 keys and values for sixteen queries and a page: the numbers of attention_bytes.h, bit for bit, since products of
// bytes are exact. Include from isa/attention_amx.h only.
#pragma once
#include "ops/cpu/isa/attention/attention_amx_product.h"
#include "ops/cpu/isa/attention/attention_bytes.h"
#include "ops/cpu/isa/attention/attention_pages.h"
#include "ops/cpu/isa/simd/lanes_avx512.h"

namespace ragdraft::ops {
namespace {

class ByteTiles {
 public:
  static constexpr int kDepth = 4;

  static void pack_queries(const AttentionBlock& block, float* operands) { ByteArithmetic::pack_queries(block, operands); }

  ByteTiles(const AttentionBlock& block, const float* operands, float*, const AttentionState& state)
      : block_(block), operands_(operands), state_(state) {}

  // For `count` queries from `first` on. kMasked: not all of them see all keys.
  template <bool kMasked>
  RAGDRAFT_INLINE void attend(const KeyPage& page, int first, int count, FetchAhead& ahead) {
    score(page, first, ahead);
    float factors[kTileRows];
    for (int r = 0; r < count; ++r) {
      const int i = first + r, visible = kMasked ? page.visible(i / block_.group) : kPageTokens;
      TileVectors s;
      read_scores(operands_ + i * kQueryStride, dots_ + r * kPageTokens, s);
      factors[r] = ByteArithmetic::weigh_vectors(block_, page.keys, visible, s, state_.maximum[i], state_.sum[i],
                                                 state_.out + i * kQueryStride, weights_ + r * kPageTokens);
    }
    multiply_values(page, ahead);
    for (int r = 0; r < count; ++r) add_values(dots_ + r * block_.padded_head_dim, factors[r], state_.out + (first + r) * kQueryStride);
  }

  void finish(int) {}

 private:
  const AttentionBlock& block_;
  const float* operands_;
  const AttentionState& state_;
  alignas(64) int32_t dots_[kTileRows * kMaxHeadDim];  // of queries and keys [rows][64], of weights and values [rows][padded_head_dim]
  alignas(64) int8_t weights_[kTileRows * kPageTokens];

  RAGDRAFT_INLINE void score(const KeyPage& page, int first, FetchAhead& ahead) {
    const TileProduct<QueryByteDots> product{.left = operands_ + first * kQueryStride,
                                             .left_stride = kQueryStride * 4,
                                             .block = page.keys,
                                             .block_stride = kPageTokens * 4,
                                             .depth = block_.padded_head_dim / kDepth,
                                             .columns = kPageTokens,
                                             .result = dots_,
                                             .result_stride = kPageTokens * 4,
                                             .accumulate = false,
                                             .ahead = &ahead};
    product.multiply();
  }

  static RAGDRAFT_INLINE void read_scores(const float* operand, const int32_t* dots, TileVectors& s) {
    int32_t start;
    memcpy(&start, operand + kStartWord, sizeof start);
    const F32x16 factor = F32x16::set1(operand[kFactorWord]);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = to_f32(load_i32(dots + 16 * i) + I32x16::set1(start)) * factor;
  }

  RAGDRAFT_INLINE void multiply_values(const KeyPage& page, FetchAhead& ahead) {
    const TileProduct<WeightByteDots> product{.left = weights_,
                                              .left_stride = kPageTokens,
                                              .block = page.values,
                                              .block_stride = block_.padded_head_dim * 4,
                                              .depth = kPageTokens / kDepth,
                                              .columns = block_.padded_head_dim,
                                              .result = dots_,
                                              .result_stride = block_.padded_head_dim * 4,
                                              .accumulate = false,
                                              .ahead = &ahead};
    product.multiply();
  }

  RAGDRAFT_INLINE void add_values(const int32_t* dots, float factor, float* out) const {
    for (int d = 0; d < block_.padded_head_dim; d += 16) {
      store(out + d, fma(to_f32(load_i32(dots + d)), F32x16::set1(factor), F32x16::load(out + d)));
    }
  }
};

}  // namespace
}  // namespace ragdraft::ops
