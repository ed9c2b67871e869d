// States of splits: merged, written, and merged up the tree (attention_plan.h).
#pragma once
#include "ops/cuda/kernels/attention/attention_softmax.cuh"

namespace ragdraft::ops::cuda {

// What a state and the one after it are multiplied by when they become one. A state that saw nothing leaves the other's bits alone.
struct MergeFactors {
  float maximum, before, behind;
};
__device__ inline MergeFactors merge_factors(float before, float behind) {
  const float maximum = fmaxf(before, behind), base = exponent_base(maximum);
  return {maximum, gpu::exp2_fast(before - base), gpu::exp2_fast(behind - base)};
}
__device__ inline float merge(const MergeFactors& f, float before, float behind) { return fmaf(behind, f.behind, before * f.before); }
__device__ inline float4 merge(const MergeFactors& f, const float4& before, const float4& behind) {
  return {merge(f, before.x, behind.x), merge(f, before.y, behind.y), merge(f, before.z, behind.z), merge(f, before.w, behind.w)};
}

// Among the states of a call.
__device__ inline int64_t state_index(const AttentionCall& call, int level, int node, int row, int head) {
  return (int64_t(call.tree.first_node[level] + node) * call.rows + row) * call.heads + head;
}
// Four values of a lane: [column][t].
template <class Kind>
__device__ float4& quad_at(const AttentionCall& call, int64_t state, int column, int t) {
  return reinterpret_cast<float4*>(call.values)[state * (Kind::kDim / 4) + column * 4 + t];
}

template <class Kind>
__device__ void write_output(const AttentionCall& call, int row, int head, int column, int t, const float4& values, float sum) {
  float* const out = call.out + (int64_t(row) * call.heads + head) * call.kv.head_dim;
  const float quad[4] = {values.x, values.y, values.z, values.w};
  for (int e = 0; e < 4; e++) {
    const int d = column * 16 + quad_dim<Kind>(t, e);
    // + 0: a product that vanished may be -0, and a step more, of masked keys, would make it +0.
    if (d < call.kv.head_dim) out[d] = __fdiv_rn(quad[e], sum) + 0.0f;
  }
}

// One (query, h) of a lane after another: body(tile, h, query).
template <class Kind, class Body>
__device__ void for_own_queries(const QuerySet& set, const Body& body) {
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int h = 0; h < 2; h++) {
      const int query = tile * kTileQueries + int(threadIdx.x) % 32 / 4 + 8 * h;
      if (query < set.queries) body(tile, h, query);
    }
}

// What a block computes alone: a node, of the heads of its kv head.
struct LeafPlace {
  int level, node, first_head;

  __device__ int64_t state(const AttentionCall& call, const QuerySet& set, int query) const {
    return state_index(call, level, node, set.row(query), first_head + set.head(query));
  }
};

// The leaf's splits so far and this one become one.
template <class Kind>
__device__ void merge_with_total(const AttentionCall& call, const QuerySet& set, const LeafPlace& leaf, const AttentionShared<Kind>& shared,
                                 Softmax<Kind>& softmax, Values<Kind>& values) {
  for_own_queries<Kind>(set, [&](int tile, int h, int query) {
    const float2 total = shared.total[query];
    const MergeFactors f = merge_factors(total.x, softmax.maximum[tile][h]);
    softmax.maximum[tile][h] = f.maximum;
    softmax.sum[tile][h] = merge(f, total.y, softmax.sum[tile][h]);
    const int64_t state = leaf.state(call, set, query);
    RAGDRAFT_UNROLL
    for (int c = 0; c < Kind::kOwnColumns; c++)
      if (Values<Kind>::owns(c)) {
        const float4 before = quad_at<Kind>(call, state, Values<Kind>::column(c), int(threadIdx.x) % 4);
        values.set_quad(tile, c, h, merge(f, before, values.quad(tile, c, h)));
      }
  });
}

// A block's values so far. Only the thread that wrote them reads them again, until they are a node.
template <class Kind>
__device__ void write_values(const AttentionCall& call, const QuerySet& set, const LeafPlace& leaf, const Values<Kind>& values) {
  for_own_queries<Kind>(set, [&](int tile, int h, int query) {
    const int64_t state = leaf.state(call, set, query);
    RAGDRAFT_UNROLL
    for (int c = 0; c < Kind::kOwnColumns; c++)
      if (Values<Kind>::owns(c)) quad_at<Kind>(call, state, Values<Kind>::column(c), int(threadIdx.x) % 4) = values.quad(tile, c, h);
  });
}
template <class Kind>
__device__ void write_total(const QuerySet& set, const Softmax<Kind>& softmax, AttentionShared<Kind>& shared) {
  if (threadIdx.x / 32 != 0 || threadIdx.x % 4 != 0) return;
  for_own_queries<Kind>(set, [&](int tile, int h, int query) { shared.total[query] = {softmax.maximum[tile][h], softmax.sum[tile][h]}; });
}
template <class Kind>
__device__ void write_sums(const AttentionCall& call, const QuerySet& set, const LeafPlace& leaf, const Softmax<Kind>& softmax) {
  if (threadIdx.x / 32 != 0 || threadIdx.x % 4 != 0) return;
  for_own_queries<Kind>(set, [&](int tile, int h, int query) {
    call.sums[leaf.state(call, set, query)] = {softmax.maximum[tile][h], softmax.sum[tile][h]};
  });
}
template <class Kind>
__device__ void write_outputs(const AttentionCall& call, const QuerySet& set, const LeafPlace& leaf, const Softmax<Kind>& softmax,
                              const Values<Kind>& values) {
  for_own_queries<Kind>(set, [&](int tile, int h, int query) {
    RAGDRAFT_UNROLL
    for (int c = 0; c < Kind::kOwnColumns; c++)
      if (Values<Kind>::owns(c))
        write_output<Kind>(call, set.row(query), leaf.first_head + set.head(query), Values<Kind>::column(c), int(threadIdx.x) % 4,
                           values.quad(tile, c, h), softmax.sum[tile][h]);
  });
}

}  // namespace ragdraft::ops::cuda
