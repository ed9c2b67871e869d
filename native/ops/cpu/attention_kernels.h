// The attention kernels of one instruction set. Callers: native/ops/cpu/attention.cc.
//
// A *block* is `rows` consecutive rows of one sequence against one kv head: `rows * group` queries that share every pass over
// the keys. Query i = row i / group, head i % group of the kv head. A *split* is kSplitPages pages at an absolute position;
// each split of a query has its own (maximum, sum, weighted values), and splits are merged in ascending order. A query's chain
// of operations is thus a function of its own values and of keys 0..position alone.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/types.h"
#include "kv/layout.h"

namespace ragdraft::ops {

inline constexpr int kSplitPages = 32;  // 2,048 tokens
inline constexpr int kMaxHeadDim = 256;
// Floats from one query to the next in working memory: a constant (addresses become displacements), a whole number of
// vectors, and an odd number of cache lines (queries do not alias in L1).
inline constexpr int kQueryStride = kMaxHeadDim + 16;
// Queries after the last one of a block that kernels may read and write in working memory, whatever it holds.
inline constexpr int kQueryPadding = 15;

struct AttentionBlock {
  std::byte* const* pages;  // of the sequence
  size_t tile_offset;       // of (layer, kv head) in a page
  size_t block_bytes;       // K block; the V block follows
  kv::KvType type;
  int head_dim, padded_head_dim;
  int rows, group;
  Position first_position;  // of row 0
  float scale;
  size_t row_stride;  // floats from row to row in q and out
  const float* q;     // row 0, first head of the group: [group][head_dim]
  float* out;         // likewise
};

// Softmax over some keys, unnormalised: out[i] = sum of exp(score - maximum[i]) v, sum[i] = sum of exp(score - maximum[i]).
struct AttentionState {
  float* maximum;  // [queries]
  float* sum;      // [queries]
  float* out;      // [queries][stride], the first padded_head_dim of a row are used
  int stride;      // floats, a multiple of 16
};

struct AttentionKernels {
  // As many queries share a pass over the keys with profit.
  int (*block_queries)(kv::KvType type);
  // Scaled queries as left operands of the products. operands: [queries][kQueryStride], the inside belongs to the KV type.
  void (*pack_queries)(const AttentionBlock& block, float* operands);
  // The state over split `split`, for the queries whose position reaches it; others are left unset.
  // scores: scratch [queries][kQueryStride]; state.stride == kQueryStride.
  void (*attend_split)(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state);
  // into: empty state (maximum -inf, sums 0), all queries of the block.
  void (*clear)(const AttentionBlock& block, const AttentionState& into);
  // into += from, which is the state over split `split`.
  void (*merge)(const AttentionBlock& block, int split, const AttentionState& from, const AttentionState& into);
  // block.out = state.out / state.sum
  void (*finish)(const AttentionBlock& block, const AttentionState& state);
};

const AttentionKernels& attention_kernels_generic();
const AttentionKernels& attention_kernels_avx2();
const AttentionKernels& attention_kernels_avx512();
const AttentionKernels& attention_kernels_avx512bf16();
const AttentionKernels& attention_kernels_amx();
const AttentionKernels& attention_kernels_amx_model();
const AttentionKernels& attention_kernels_neon();

}  // namespace ragdraft::ops
