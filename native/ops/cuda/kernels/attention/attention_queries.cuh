// Which queries a block takes, and how they come into shared memory as left operands.
#pragma once
#include "ops/cuda/kernels/attention/attention_tiles.cuh"

namespace ragdraft::ops::cuda {

// Consecutive queries of a span that read one kv head.
struct QuerySet {
  int first, queries;  // among the span's
  int group;
  PassSpan span;

  __device__ int row(int i) const { return span.first_row + (first + i) / group; }
  __device__ int head(int i) const { return (first + i) % group; }  // of the kv head's
  __device__ Position position(int i) const { return span.first_position + (first + i) / group; }
  __device__ Position last_position() const { return position(queries - 1); }
};

// The index-th set of the pass; one without queries if there are fewer. All lanes of a warp call it.
__device__ inline QuerySet find_set(const Pass* pass, int group, int set_queries, int index) {
  constexpr uint32_t kAll = 0xffffffffu;
  const int lane = int(threadIdx.x) % 32, spans = pass->spans;
  for (int base = 0; base < spans; base += 32) {
    const int queries = base + lane < spans ? pass->span[base + lane].rows * group : 0;
    const int sets = (queries + set_queries - 1) / set_queries;
    int end = sets;  // of the sets of this lane's span
    for (int lanes = 1; lanes < 32; lanes *= 2) {
      const int before = __shfl_up_sync(kAll, end, unsigned(lanes));
      if (lane >= lanes) end += before;
    }
    const uint32_t behind = __ballot_sync(kAll, index < end);
    if (behind != 0) {
      const int owner = __ffs(int(behind)) - 1;
      const int first = (index - __shfl_sync(kAll, end - sets, owner)) * set_queries;
      return {first, min(set_queries, __shfl_sync(kAll, queries, owner) - first), group, pass->span[base + owner]};
    }
    index -= __shfl_sync(kAll, end, 31);
  }
  return {0, 0, group, {}};
}

// Places 2 p and 2 p + 1 of a query hold dimensions d and d + step: in order, or for bytes, whose words hold four neighbouring
// dimensions, such that a lane's operands are bytes 0 and 2, then bytes 1 and 3 of its word.
struct PairPlace {
  int d, step;
};
template <class Kind>
__device__ PairPlace pair_place(int p) {
  if constexpr (!Kind::kBytes) return {2 * p, 1};
  else return {p / 8 * 16 + p % 4 * 4 + p % 8 / 4, 2};
}

// Rounded, not scaled; dimensions behind the head's and queries after the set's are zero.
template <class Kind>
__device__ void load_queries(const AttentionCall& call, const QuerySet& set, int kv_head, AttentionShared<Kind>& shared) {
  const int head_dim = call.kv.head_dim;
  for (int i = int(threadIdx.x) / 32; i < Kind::kTiles * kTileQueries; i += kAttentionWarps) {
    const float* head = nullptr;
    if (i < set.queries) head = call.q + (int64_t(set.row(i)) * call.heads + kv_head * call.group + set.head(i)) * head_dim;
    for (int p = int(threadIdx.x) % 32; p < Kind::kDim / 2; p += 32) {
      const PairPlace place = pair_place<Kind>(p);
      const float a = head && place.d < head_dim ? head[place.d] : 0;
      const float b = head && place.d + place.step < head_dim ? head[place.d + place.step] : 0;
      shared.queries[i][p] = Kind::round_pair(a, b);
    }
  }
}

}  // namespace ragdraft::ops::cuda
