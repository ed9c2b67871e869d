// Attention over bf16 keys and values for sixteen queries and a page. Include from isa/attention_amx.h only.
//
// Scores (attention_amx_product.h), weights (attention_amx_softmax.h), and weights times values added to the state, all in tiles.
// Softmax sums the weights as they were rounded.
#pragma once
#include <string.h>

#include "ops/cpu/isa/attention/attention_amx_product.h"
#include "ops/cpu/isa/attention/attention_amx_softmax.h"
#include "ops/cpu/isa/attention/attention_pages.h"

namespace ragdraft::ops {
namespace {

class Bf16Tiles {
 public:
  static constexpr int kDepth = 2;

  // operands: [query][operand_words], whole steps of 32 dimensions.
  static void pack_queries(const AttentionBlock& block, float* operands) {
    float padded[kMaxHeadDim];
    memset(padded, 0, sizeof padded);
    const F32x16 scale = F32x16::set1(block.scale);
    for (int i = 0; i < block.rows * block.group; ++i, operands += operand_words(block)) {
      memcpy(padded, query(block, i), size_t(block.head_dim) * sizeof(float));
      for (int d = 0; d < block.head_dim; d += 32) {
        store(operands + d / 2, to_bf16_pairs(F32x16::load(padded + d) * scale, F32x16::load(padded + d + 16) * scale));
      }
    }
  }

  // scratch: [queries][16], sums lane by lane.
  Bf16Tiles(const AttentionBlock& block, const float* operands, float* scratch, const AttentionState& state)
      : block_(block), operands_(operands), sums_(scratch), state_(state) {
    memset(sums_, 0, size_t(block.rows * block.group) * 16 * sizeof(float));
  }

  // For `count` queries from `first` on. kMasked: not all of them see all keys.
  template <bool kMasked>
  RAGDRAFT_INLINE void attend(const KeyPage& page, int first, int count, FetchAhead& ahead) {
    const SoftmaxRows rows{.count = count,
                           .maximum = state_.maximum + first,
                           .sums = sums_ + 16 * first,
                           .out = state_.out + first * kQueryStride,
                           .dims = block_.padded_head_dim};
    score(page, first, ahead);
    if constexpr (kMasked) mask_scores(page, first, count);
    raise_maxima(scores_, rows);
    for (int r = 0; r < count; ++r) weigh<kMasked>(rows, r, kMasked ? page.visible((first + r) / block_.group) : kPageTokens);
    add_values(page, rows.out, ahead);
  }

  void finish(int first) {
    for (int i = first; i < block_.rows * block_.group; ++i) state_.sum[i] = reduce_add(F32x16::load(sums_ + 16 * i));
  }

 private:
  const AttentionBlock& block_;
  const float* operands_;
  float* sums_;
  const AttentionState& state_;
  alignas(64) float scores_[kTileRows * kPageTokens];
  alignas(64) uint16_t weights_[kTileRows * kPageTokens];

  static RAGDRAFT_INLINE int operand_words(const AttentionBlock& block) { return (block.head_dim + 31) / 32 * 16; }

  RAGDRAFT_INLINE void score(const KeyPage& page, int first, FetchAhead& ahead) {
    const TileProduct<Bf16Dots> product{.left = operands_ + first * operand_words(block_),
                                        .left_stride = operand_words(block_) * 4,
                                        .block = page.keys,
                                        .block_stride = kPageTokens * 4,
                                        .depth = block_.padded_head_dim / kDepth,
                                        .columns = kPageTokens,
                                        .result = scores_,
                                        .result_stride = kPageTokens * 4,
                                        .accumulate = false,
                                        .ahead = &ahead};
    product.multiply();
  }

  RAGDRAFT_INLINE void add_values(const KeyPage& page, float* out, FetchAhead& ahead) {
    const TileProduct<Bf16Dots> product{.left = weights_,
                                        .left_stride = kPageTokens * 2,
                                        .block = page.values,
                                        .block_stride = block_.padded_head_dim * 4,
                                        .depth = kPageTokens / kDepth,
                                        .columns = block_.padded_head_dim,
                                        .result = out,
                                        .result_stride = kQueryStride * 4,
                                        .accumulate = true,
                                        .ahead = &ahead};
    product.multiply();
  }

  RAGDRAFT_INLINE void mask_scores(const KeyPage& page, int first, int count) {
    for (int r = 0; r < count; ++r) {
      const int visible = page.visible((first + r) / block_.group);
      for (int key = 0; key < kPageTokens; key += 16) {
        store_lanes(scores_ + r * kPageTokens + key, Lanes(~lanes_below(visible - key)), F32x16::set1(-INFINITY));
      }
    }
  }

  // Weights of keys that the row does not see are exactly 0, whatever lies there.
  template <bool kMasked>
  RAGDRAFT_INLINE void weigh(const SoftmaxRows& rows, int r, int visible) {
    constexpr int32_t kOnes = 0x3f803f80;
    const PageWeights weight_of(rows.maximum[r]);
    F32x16 sum = F32x16::load(rows.sums + 16 * r);
    RAGDRAFT_UNROLL
    for (int key = 0; key < kPageTokens; key += 32) {
      F32x16 low = weight_of(F32x16::load(scores_ + r * kPageTokens + key));
      F32x16 high = weight_of(F32x16::load(scores_ + r * kPageTokens + key + 16));
      if constexpr (kMasked) {
        low = keep_lanes(lanes_below(visible - key), low);
        high = keep_lanes(lanes_below(visible - key - 16), high);
      }
      const NativeBf16Pairs pairs = to_bf16_pairs(low, high);
      store(weights_ + r * kPageTokens + key, pairs);
      sum = dot_bf16(sum, pairs, kOnes);
    }
    store(rows.sums + 16 * r, sum);
  }
};

}  // namespace
}  // namespace ragdraft::ops
