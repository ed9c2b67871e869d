// The pages of a split, one after the other, and a state to begin with. Include from isa/attention*.{h,cc} only.
#pragma once
#include <math.h>
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// The first row of the block whose position reaches `key`; rows if none does.
RAGDRAFT_INLINE int first_row_reaching(const AttentionBlock& block, int key) {
  const int row = key - block.first_position;
  return row < 0 ? 0 : row < block.rows ? row : block.rows;
}

// A page as a block sees it: its rows from first_row on.
struct KeyPage {
  const std::byte *keys, *values;
  int first_row, first_query;
  int reach;  // keys that row 0 of the block sees, counted from the page's first; row r sees r more; not cut at the page's end
  // Bytes (modulo 2^64) from this page to the next that the block reads; 0: none. Pages lie megabytes apart, where the hardware's
  // prefetchers start anew: whoever reads a page fetches the same place of the next one.
  uintptr_t ahead;

  RAGDRAFT_INLINE int visible(int row) const { return reach + row < kPageTokens ? reach + row : kPageTokens; }
};

// State of nothing, for the queries that reach the split.
RAGDRAFT_INLINE void begin_split(const AttentionBlock& block, int split, const AttentionState& state) {
  const int queries = block.rows * block.group;
  for (int i = first_row_reaching(block, split * kSplitPages * kPageTokens) * block.group; i < queries; ++i) {
    state.maximum[i] = -INFINITY;
    state.sum[i] = 0;
    memset(state.out + size_t(i) * kQueryStride, 0, size_t(block.padded_head_dim) * sizeof(float));
  }
}

template <class Attend>
RAGDRAFT_INLINE void for_each_page(const AttentionBlock& block, int split, const Attend& attend) {
  const int last_page = (block.first_position + block.rows - 1) / kPageTokens, first_page = split * kSplitPages;
  const int end_page = first_page + kSplitPages <= last_page ? first_page + kSplitPages : last_page + 1;
  for (int page = first_page; page < end_page; ++page) {
    const std::byte* keys = block.pages[page] + block.tile_offset;
    const int first_row = first_row_reaching(block, page * kPageTokens);
    const uintptr_t ahead =
        page < last_page ? reinterpret_cast<uintptr_t>(block.pages[page + 1]) - reinterpret_cast<uintptr_t>(block.pages[page]) : 0;
    attend(KeyPage{keys, keys + block.block_bytes, first_row, first_row * block.group,
                   block.first_position + 1 - page * kPageTokens, ahead});
  }
}

}  // namespace
}  // namespace ragdraft::ops
