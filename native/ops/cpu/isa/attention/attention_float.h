// Attention over keys and values that are floats of some width. Include from isa/attention.cc only.
//
// An arithmetic has, for a KV type: queries as left operands (pack_queries), scores of a tile (score), scores to weights of one
// query (weigh), and weights times values (add_values). Left operands, scores and weights have rows of kQueryStride words.
#pragma once
#include <string.h>

#include "ops/cpu/isa/attention/attention_product.h"
#include "ops/cpu/isa/attention/attention_softmax.h"
#if RAGDRAFT_HAS_BF16
#include "ops/cpu/isa/attention/attention_weights_bf16.h"
#endif

namespace ragdraft::ops {
namespace {

// exp(s - maximum) as left operands to `words`; returns the sum of what the product will see. From `visible` on s is -inf.
template <class Operand>
RAGDRAFT_INLINE float store_weights(TileVectors& s, [[maybe_unused]] int visible, float maximum, float* words) {
#if RAGDRAFT_HAS_BF16
  if constexpr (Operand::kDepth == 2) {
    const PageWeights weight_of(maximum);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = weight_of(s[i]);
    if (visible < kPageTokens) mask(s, visible, 0.0f);  // not even 2^-100
    constexpr int32_t kOnes = 0x3f803f80;               // a pair of bf16
    F32x16 sum = F32x16::zero();
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; i += 2) {
      const NativeBf16Pairs pairs = to_bf16_pairs(s[i], s[i + 1]);
      store(words + 8 * i, pairs);
      sum = dot_bf16(sum, pairs, kOnes);
    }
    return reduce_add(sum);
  }
#endif
  const F32x16 shift = F32x16::set1(maximum);
  RAGDRAFT_UNROLL
  for (int i = 0; i < kTileVectors; ++i) s[i] = Operand::round(weight(s[i] - shift));
  for (int i = 0; i < kTileVectors; i += 2) Operand::store_words(words, 16 * i, s[i], s[i + 1]);
  return total(s);
}

template <class Operand>
struct FloatArithmetic {
  using Element = typename Operand::Element;

  static void pack_queries(const AttentionBlock& block, float* operands) {
    constexpr int kStepsOf32 = 32 / Operand::kDepth * Operand::kWords;
    float padded[kMaxHeadDim];
    memset(padded, 0, sizeof padded);
    for (int i = 0; i < block.rows * block.group; ++i, operands += kQueryStride) {
      memcpy(padded, query(block, i), size_t(block.head_dim) * sizeof(float));
      for (int d = 0; d < block.head_dim; d += 32) {
        const F32x16 scale = F32x16::set1(block.scale);
        const F32x16 low = F32x16::load(padded + d) * scale, high = F32x16::load(padded + d + 16) * scale;
        Operand::store_words(operands + d / 32 * kStepsOf32, 0, Operand::round(low), Operand::round(high));
      }
    }
  }

  // keys: the K block; ahead: Product::ahead.
  static RAGDRAFT_INLINE void score(const AttentionBlock& block, const std::byte* keys, const float* operands, int queries, float* scores,
                                    uintptr_t ahead) {
    const Product<Operand> product{.left = operands,
                                   .block = reinterpret_cast<const Element*>(keys),
                                   .block_stride = kPageTokens * Operand::kDepth,
                                   .steps = block.head_dim / Operand::kDepth,
                                   .columns = kPageTokens,
                                   .result = scores,
                                   .accumulate = false,
                                   .ahead = ahead};
    multiply(product, queries);
  }

  // For one query that sees the first `visible` (>= 1) keys of a tile (second parameter: its K block), in place. Masked scores may be
  // anything: their weights are exactly 0 and they do not move the maximum. Weights are rounded as the product will see them, then summed.
  static RAGDRAFT_INLINE void weigh(const AttentionBlock& block, const std::byte*, int visible, float* scores, float& maximum,
                                    float& sum, float* out) {
    TileVectors s;
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = F32x16::load(scores + 16 * i);
    if (visible < kPageTokens) mask(s, visible, -INFINITY);
    raise_maximum(s, block.padded_head_dim, maximum, sum, out);
    sum += store_weights<Operand>(s, visible, maximum, scores);
  }

  // values: the V block.
  static RAGDRAFT_INLINE void add_values(const AttentionBlock& block, const std::byte* values, const float* weights, int queries,
                                         float* out, uintptr_t ahead) {
    const Product<Operand> product{.left = weights,
                                   .block = reinterpret_cast<const Element*>(values),
                                   .block_stride = block.padded_head_dim * Operand::kDepth,
                                   .steps = kPageTokens / Operand::kDepth,
                                   .columns = block.padded_head_dim,
                                   .result = out,
                                   .accumulate = true,
                                   .ahead = ahead};
    multiply(product, queries);
  }
};

}  // namespace
}  // namespace ragdraft::ops
