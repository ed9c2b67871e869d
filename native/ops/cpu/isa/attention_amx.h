// Attention over bf16 keys and values in tiles. Include from isa/attention.cc only, where RAGDRAFT_HAS_TILES.
//
// Sixteen queries at a time: scores of a page (attention_amx_product.h), weights (attention_amx_softmax.h), and weights times values
// added to the state. Queries behind the block's last take part in the last tile with whatever their memory holds, and are not looked at.
// Softmax sums the weights as they were rounded.
#pragma once
#include <string.h>

#include "ops/cpu/isa/attention_amx_product.h"
#include "ops/cpu/isa/attention_amx_softmax.h"
#include "ops/cpu/isa/attention_pages.h"

namespace ragdraft::ops {
namespace {

struct TileAttention {
  // 256 and some of the next: a page comes from memory once for so many, and what they hold stays in L2.
  static constexpr int kBlockQueries = 272;

  // Words from query to query in operands: whole steps of 32 dimensions, 2 to a word.
  static RAGDRAFT_INLINE int operand_stride(const AttentionBlock& block) { return (block.head_dim + 31) / 32 * 16; }

  static void pack_queries(const AttentionBlock& block, float* operands) {
    float padded[kMaxHeadDim];
    memset(padded, 0, sizeof padded);
    const F32x16 scale = F32x16::set1(block.scale);
    for (int i = 0; i < block.rows * block.group; ++i, operands += operand_stride(block)) {
      memcpy(padded, query(block, i), size_t(block.head_dim) * sizeof(float));
      for (int d = 0; d < block.head_dim; d += 32) {
        store(operands + d / 2, to_bf16_pairs(F32x16::load(padded + d) * scale, F32x16::load(padded + d + 16) * scale));
      }
    }
  }

  // sums: scratch [queries][16].
  static void attend_split(const AttentionBlock& block, int split, const float* operands, float* sums, const AttentionState& state) {
    alignas(64) float scores[kTileRows * kPageTokens];
    alignas(64) uint16_t weights[kTileRows * kPageTokens];
    const int queries = block.rows * block.group;
    configure_tiles(attention_tiles(queries, block.padded_head_dim / 2));
    begin_split(block, split, state);
    memset(sums, 0, size_t(queries) * 16 * sizeof(float));
    for_each_page(block, split, [&](const KeyPage& page) {
      const int tiles = (queries - page.first_query + kTileRows - 1) / kTileRows;
      FetchAhead ahead = fetch_ahead(block, page, tiles);
      for (int tile = 0, i = page.first_query; tile < tiles; ++tile, i += kTileRows) {
        const SoftmaxRows rows{.count = queries - i < kTileRows ? queries - i : kTileRows,
                               .maximum = state.maximum + i,
                               .sums = sums + 16 * i,
                               .out = state.out + i * kQueryStride,
                               .dims = block.padded_head_dim};
        score(block, page, operands + i * operand_stride(block), scores, ahead);
        if (page.visible(i / block.group) < kPageTokens) {
          mask_scores(block, page, i, rows.count, scores);
          weigh<true>(block, page, i, rows, scores, weights);
        } else {
          weigh<false>(block, page, i, rows, scores, weights);
        }
        add_values(block, page, weights, rows.out, ahead);
      }
    });
    release_tiles();
    const int first = first_row_reaching(block, split * kSplitPages * kPageTokens) * block.group;
    for (int i = first; i < queries; ++i) state.sum[i] = reduce_add(F32x16::load(sums + 16 * i));
  }

 private:
  // The next page's tile, over the steps of `tiles` tiles of queries.
  static RAGDRAFT_INLINE FetchAhead fetch_ahead(const AttentionBlock& block, const KeyPage& page, int tiles) {
    if (page.ahead == 0) return {};
    const int bytes = int(2 * block.block_bytes);
    const int products = (block.padded_head_dim / 2 + kTileRows - 1) / kTileRows * 4 + block.padded_head_dim / 16 * 2;
    const auto* from = reinterpret_cast<const std::byte*>(reinterpret_cast<uintptr_t>(page.keys) + page.ahead);
    return {from, from + bytes, (bytes / 64 / (products * tiles) + 1) * 64};
  }

  static RAGDRAFT_INLINE void score(const AttentionBlock& block, const KeyPage& page, const float* operands, float* scores,
                                    FetchAhead& ahead) {
    const TileProduct<Bf16Dots> product{.left = operands,
                                        .left_stride = operand_stride(block) * 4,
                                        .block = page.keys,
                                        .block_stride = kPageTokens * 4,
                                        .depth = block.padded_head_dim / 2,
                                        .columns = kPageTokens,
                                        .result = scores,
                                        .result_stride = kPageTokens * 4,
                                        .accumulate = false,
                                        .ahead = &ahead};
    product.multiply();
  }

  static RAGDRAFT_INLINE void add_values(const AttentionBlock& block, const KeyPage& page, const uint16_t* weights, float* out,
                                         FetchAhead& ahead) {
    const TileProduct<Bf16Dots> product{.left = weights,
                                        .left_stride = kPageTokens * 2,
                                        .block = page.values,
                                        .block_stride = block.padded_head_dim * 4,
                                        .depth = kPageTokens / 2,
                                        .columns = block.padded_head_dim,
                                        .result = out,
                                        .result_stride = kQueryStride * 4,
                                        .accumulate = true,
                                        .ahead = &ahead};
    product.multiply();
  }

  static RAGDRAFT_INLINE void mask_scores(const AttentionBlock& block, const KeyPage& page, int first, int count, float* scores) {
    for (int r = 0; r < count; ++r) {
      const int visible = page.visible((first + r) / block.group);
      for (int key = 0; key < kPageTokens; key += 16) {
        store_lanes(scores + r * kPageTokens + key, Lanes(~lanes_below(visible - key)), F32x16::set1(-INFINITY));
      }
    }
  }

  // kMasked: some rows do not see all keys; the weights of those are exactly 0, whatever lies there.
  template <bool kMasked>
  static RAGDRAFT_INLINE void weigh(const AttentionBlock& block, const KeyPage& page, int first, const SoftmaxRows& rows,
                                    const float* scores, uint16_t* weights) {
    constexpr int32_t kOnes = 0x3f803f80;
    raise_maxima(scores, rows);
    for (int r = 0; r < rows.count; ++r) {
      const PageWeights weights_of(rows.maximum[r]);
      const int visible = kMasked ? page.visible((first + r) / block.group) : kPageTokens;
      F32x16 sum = F32x16::load(rows.sums + 16 * r);
      RAGDRAFT_UNROLL
      for (int key = 0; key < kPageTokens; key += 32) {
        F32x16 low = weights_of(F32x16::load(scores + r * kPageTokens + key));
        F32x16 high = weights_of(F32x16::load(scores + r * kPageTokens + key + 16));
        if constexpr (kMasked) {
          low = keep_lanes(lanes_below(visible - key), low);
          high = keep_lanes(lanes_below(visible - key - 16), high);
        }
        const NativeBf16Pairs pairs = to_bf16_pairs(low, high);
        store(weights + r * kPageTokens + key, pairs);
        sum = dot_bf16(sum, pairs, kOnes);
      }
      store(rows.sums + 16 * r, sum);
    }
  }
};

}  // namespace
}  // namespace ragdraft::ops
