// Attention of a block in tiles, sixteen queries at a time. Include from isa/attention.cc only, where RAGDRAFT_HAS_TILES.
//
// Queries after the block's last take part in the last tile with whatever their memory holds, and are not looked at.
#pragma once
#include "ops/cpu/isa/attention/attention_amx_bf16.h"
#include "ops/cpu/isa/attention/attention_amx_bytes.h"
#include "ops/cpu/isa/attention/attention_amx_product.h"
#include "ops/cpu/isa/attention/attention_pages.h"

namespace ragdraft::ops {
namespace {

// The next page's tile, over the steps of `tiles` tiles of queries. depth: elements in 32 bits.
RAGDRAFT_INLINE FetchAhead fetch_ahead(const AttentionBlock& block, const KeyPage& page, int tiles, int depth) {
  if (page.ahead == 0) return {};
  const auto* from = reinterpret_cast<const std::byte*>(reinterpret_cast<uintptr_t>(page.keys) + page.ahead);
  const int lines = int(2 * block.block_bytes / 64);
  const int key_steps = (block.padded_head_dim / depth + kTileRows - 1) / kTileRows * (kPageTokens / 16);
  const int value_steps = kPageTokens / depth / kTileRows * (block.padded_head_dim / 16);
  return {from, from + lines * 64, (lines / ((key_steps + value_steps) * tiles) + 1) * 64};
}

// Arithmetic: what is done to sixteen queries and a page (attend), with its working memory; kDepth elements are in 32 bits.
template <class Arithmetic>
struct TileAttention {
  // 256 and some of the next: a page comes from memory once for so many, and what they hold stays in L2.
  static constexpr int kBlockQueries = 272;

  static void pack_queries(const AttentionBlock& block, float* operands) { Arithmetic::pack_queries(block, operands); }

  static void attend_split(const AttentionBlock& block, int split, const float* operands, float* scratch, const AttentionState& state) {
    const int queries = block.rows * block.group;
    begin_split(block, split, state);
    Arithmetic arithmetic(block, operands, scratch, state);
    configure_tiles(attention_tiles(queries, block.padded_head_dim / Arithmetic::kDepth));
    for_each_page(block, split, [&](const KeyPage& page) {
      const int tiles = (queries - page.first_query + kTileRows - 1) / kTileRows;
      FetchAhead ahead = fetch_ahead(block, page, tiles, Arithmetic::kDepth);
      for (int i = page.first_query; i < queries; i += kTileRows) {
        const int count = queries - i < kTileRows ? queries - i : kTileRows;
        page.visible(i / block.group) < kPageTokens ? arithmetic.template attend<true>(page, i, count, ahead)
                                                    : arithmetic.template attend<false>(page, i, count, ahead);
      }
    });
    release_tiles();
    arithmetic.finish(first_row_reaching(block, split * kSplitPages * kPageTokens) * block.group);
  }
};

}  // namespace
}  // namespace ragdraft::ops
