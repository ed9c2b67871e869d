// Attention of a set of queries over a leaf's keys. Per page, all four warps: scores of 16 keys each, maxima over all, weights, then
// weighted values, a quarter of the dimensions each. So keys and values are read from shared memory once however many queries there are,
// and the chain of a query's operations is the same whatever else is in its set.
#pragma once
#include "ops/cuda/kernels/attention/attention_tree.cuh"

namespace ragdraft::ops::cuda {

// One page into the state: keys, then values.
template <class Kind>
__device__ void attend_page(const QuerySet& set, float scale, Position first_key, PageLoader<Kind>& loader,
                            AttentionShared<Kind>& shared, Softmax<Kind>& softmax, Values<Kind>& values) {
  Scores<Kind> scores;
  const KvUnit<Kind>& keys = loader.wait();
  loader.start();
  multiply_keys(shared, keys, scores);
  scale_scores(set, scale, first_key, keys, scores);
  publish_maxima(scores, shared);
  __syncthreads();
  make_weights(scores, keys, shared, softmax, values);
  const KvUnit<Kind>& unit = loader.wait();  // and the weights
  loader.start();
  add_values(shared, unit, values);
}

// Grid: x = sets of queries, y = kv heads, z = leaves. Blocks after what the pass has do nothing.
template <class Kind>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_kernel(AttentionCall call) {
  auto& shared = *reinterpret_cast<AttentionShared<Kind>*>(gpu::dynamic_shared());
  const int set_index = int(blockIdx.x), kv_head = int(blockIdx.y);
  const QuerySet set = find_set(call.pass, call.group, Kind::kTiles * kTileQueries, set_index);
  if (set.queries == 0) return;
  const LeafPlace leaf{call.tree.leaf_level, int(blockIdx.z), kv_head * call.group};
  const int leaf_pages = kSplitPages << kFanInBits * leaf.level, first_page = leaf.node * leaf_pages;
  const int keys = min(leaf_pages * kPageTokens, set.last_position() + 1 - first_page * kPageTokens);
  if (keys <= 0) return;
  const int pages = (keys + kPageTokens - 1) / kPageTokens;

  PageLoader<Kind> loader(call, kv_head, call.pass->pages + set.span.first_page + first_page, keys, shared);
  for (int unit = 0; unit < Kind::kUnits - 1; unit++) loader.start();
  load_queries(call, set, kv_head, shared);

  Softmax<Kind> softmax;
  Values<Kind> values;
  softmax.clear();
  values.clear();
  for (int page = 0; page < pages; page++) {
    attend_page(set, call.scale, (first_page + page) * kPageTokens, loader, shared, softmax, values);
    const bool last = page == pages - 1;
    if (!last && page % kSplitPages != kSplitPages - 1) continue;
    reduce_sums(shared, softmax);
    if (page >= kSplitPages) merge_with_total(call, set, leaf, shared, softmax, values);
    if (last) break;
    __syncthreads();  // everyone read the total
    write_total(set, softmax, shared);
    write_values(call, set, leaf, values);
    softmax.clear();
    values.clear();
  }
  loader.finish();
  if (leaf.node == 0 && keys == set.last_position() + 1) return write_outputs(call, set, leaf, softmax, values);
  write_sums(call, set, leaf, softmax);
  write_values(call, set, leaf, values);
  climb_tree(call, set, set_index, kv_head, leaf.node, shared);
}

}  // namespace ragdraft::ops::cuda
