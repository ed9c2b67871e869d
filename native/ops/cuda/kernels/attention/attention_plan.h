// How a call of attention is cut, for its kernels and its host code.
//
// Queries: the queries of a span that read one kv head - `group` of each row - are numbered row by row. 16 of them are a tile of mma; a
// block takes up to kTiles tiles, its set.
// Keys: 64 are a page and a step of a block, 512 a split, at absolute positions. A softmax over the keys of a split, not normalised, is a
// state (maximum, sum, weighted values). States form a tree: a node of a level is its up to eight nodes of the level below, merged in
// order; level 0 are the splits. So which operations a query goes through depends on its position alone, not on who computes a node:
// either a block a split, and the last of the blocks that make a node's parts merges them, or a block eight splits in turn.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/attention/attention.h"

namespace ragdraft::ops::cuda {

inline constexpr int kAttentionWarps = 4, kAttentionThreads = 32 * kAttentionWarps;
inline constexpr int kTileQueries = 16;
inline constexpr int kSplitPages = 8;
inline constexpr int kSplitKeys = kSplitPages * kPageTokens;
inline constexpr int kFanInBits = 3, kFanIn = 1 << kFanInBits;
inline constexpr int kMostLevels = 6;  // 8^5 splits: more than a pass has pages

// Tiles of the largest block: what fits into registers and 99 KiB of shared memory.
constexpr int most_tiles(int dim) { return dim <= 128 ? 5 : 3; }

// Nodes of all levels from leaf_level on, level by level.
struct StateTree {
  int leaf_level;  // of the nodes that a block makes alone: 0 or 1
  int first_node[kMostLevels];
  int nodes;
};

// Arguments of the kernels.
struct AttentionCall {
  const Pass* pass;
  const float* q;
  float* out;
  uint32_t* counters;  // [set][kv head][node]: parts that are there
  float2* sums;        // [node][row][head]: maximum, sum
  float* values;       // [node][row][head][dim]
  KvShape kv;
  StateTree tree;
  int heads, group, rows;
  float scale;  // of scores, in powers of two
};

// Of a call's host code.
struct AttentionPlan {
  int dim, tiles;  // of the kernel: head_dim rounded up, tiles of a block
  int sets;        // most of a pass
  int leaves;      // most of a set
  StateTree tree;
  size_t sums_offset, values_offset, bytes;  // of scratch memory; counters come first
};
// Throws kUnsupportedModel, kContextOverflow.
AttentionPlan plan_attention(const AttentionShape& shape);

}  // namespace ragdraft::ops::cuda
