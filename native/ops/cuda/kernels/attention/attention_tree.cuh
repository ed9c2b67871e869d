// Up the tree: the last of the blocks that make a node's parts merges them.
#pragma once
#include "ops/cuda/kernels/attention/attention_states.cuh"

namespace ragdraft::ops::cuda {

// Counts the block in. True in all its threads if all parts are there, and then what their blocks wrote can be read. The counter is left
// zero.
template <class Kind>
__device__ bool is_last(uint32_t* counter, int parts, AttentionShared<Kind>& shared) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();  // what all threads of the block wrote comes first
    shared.last = atomicAdd(counter, 1u) + 1 == uint32_t(parts);
    if (shared.last) *counter = 0;
    __threadfence();
  }
  __syncthreads();
  return shared.last;
}

// The node's state from its parts', of every query that has any; the root's is the output.
template <class Kind>
__device__ void merge_parts(const AttentionCall& call, const QuerySet& set, int first_head, int level, int node, bool root) {
  constexpr int kQuads = Kind::kDim / 4;
  for (int item = int(threadIdx.x); item < set.queries * kQuads; item += kAttentionThreads) {
    const int query = item / kQuads, column = item % kQuads / 4, t = item % 4;
    const int row = set.row(query), head = first_head + set.head(query);
    const int parts = min(kFanIn, (set.position(query) / kSplitKeys >> kFanInBits * (level - 1)) - node * kFanIn + 1);
    if (parts <= 0) continue;
    float2 sums[kFanIn] = {};
    float4 values[kFanIn] = {};
    RAGDRAFT_UNROLL
    for (int i = 0; i < kFanIn; i++)  // all on their way before the first is used
      if (i < parts) {
        const int64_t state = state_index(call, level - 1, node * kFanIn + i, row, head);
        sums[i] = call.sums[state];
        values[i] = quad_at<Kind>(call, state, column, t);
      }
    float2 sum = sums[0];
    float4 value = values[0];
    RAGDRAFT_UNROLL
    for (int i = 1; i < kFanIn; i++)
      if (i < parts) {
        const MergeFactors f = merge_factors(sum.x, sums[i].x);
        sum = {f.maximum, merge(f, sum.y, sums[i].y)};
        value = merge(f, value, values[i]);
      }
    if (root) {
      write_output<Kind>(call, row, head, column, t, value, sum.y);
    } else {
      const int64_t state = state_index(call, level, node, row, head);
      quad_at<Kind>(call, state, column, t) = value;
      if (item % kQuads == 0) call.sums[state] = sum;
    }
  }
}

// After the block wrote its leaf.
template <class Kind>
__device__ void climb_tree(const AttentionCall& call, const QuerySet& set, int set_index, int kv_head, int leaf,
                           AttentionShared<Kind>& shared) {
  const int splits = set.last_position() / kSplitKeys + 1;
  uint32_t* const counters = call.counters + (int64_t(set_index) * call.kv.kv_heads + kv_head) * call.tree.nodes;
  for (int level = call.tree.leaf_level + 1, node = leaf / kFanIn;; level++, node /= kFanIn) {
    const int below = ((splits - 1) >> kFanInBits * (level - 1)) + 1;
    if (!is_last(counters + call.tree.first_node[level] + node, min(kFanIn, below - node * kFanIn), shared)) return;
    const bool root = below <= kFanIn;
    merge_parts<Kind>(call, set, kv_head * call.group, level, node, root);
    if (root) return;
  }
}

}  // namespace ragdraft::ops::cuda
