#include "ops/cuda/kernels/attention/attention_plan.h"

#include <algorithm>

#include "base/error.h"

namespace ragdraft::ops::cuda {
namespace {

// A block takes eight splits where that still makes as many blocks: two for each multiprocessor of a large device.
constexpr int64_t kEnoughBlocks = 256;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

int kernel_dim(int padded) {
  for (const int dim : {64, 96, 128, 256})
    if (padded <= dim) return dim;
  throw Error(Code::kUnsupportedModel, "CUDA attention takes heads of up to 256 dimensions");
}

StateTree tree_of(int64_t splits, int leaf_level) {
  StateTree tree{leaf_level, {}, 0};
  int64_t nodes = 0;
  for (int level = 0; level < kMostLevels; level++) {
    tree.first_node[level] = int(nodes);
    const int64_t width = ceil_div(splits, int64_t{1} << kFanInBits * level);
    if (level >= leaf_level) nodes += width;
    if (width == 1 && level >= leaf_level) {
      tree.nodes = int(nodes);
      return tree;
    }
  }
  throw Error(Code::kContextOverflow, "more keys than CUDA attention can address");
}

}  // namespace

AttentionPlan plan_attention(const AttentionShape& shape) {
  const int64_t group = shape.heads / shape.kv.kv_heads, rows = shape.rows, spans = std::clamp<int64_t>(shape.spans, 1, rows);
  AttentionPlan plan{};
  plan.dim = kernel_dim(shape.kv.padded_head_dim);
  const int64_t tiles = ceil_div(ceil_div(rows, spans) * group, kTileQueries);  // of a span, if they are alike
  plan.tiles = tiles <= 3 ? int(tiles) : most_tiles(plan.dim);
  const int64_t set = int64_t(plan.tiles) * kTileQueries;
  plan.sets = int(spans + (rows * group - spans) / set);  // each span may leave one unfilled

  const int64_t splits = std::max<int64_t>(ceil_div(shape.most_keys, kSplitKeys), 1);
  const int64_t coarse_blocks = std::max(spans, ceil_div(rows * group, set)) * shape.kv.kv_heads * ceil_div(splits, kFanIn);
  const int leaf_level = coarse_blocks >= kEnoughBlocks ? 1 : 0;
  plan.leaves = int(ceil_div(splits, int64_t{1} << kFanInBits * leaf_level));
  plan.tree = tree_of(splits, leaf_level);
  const size_t counters = size_t(plan.sets) * size_t(shape.kv.kv_heads) * size_t(plan.tree.nodes);
  check(counters * sizeof(uint32_t) <= kAttentionCounterBytes, Code::kContextOverflow,
        "more sequences times keys than CUDA attention has counters for");

  const size_t states = size_t(plan.tree.nodes) * size_t(rows) * size_t(shape.heads);
  plan.sums_offset = kAttentionCounterBytes;  // the same for all shapes: no state is ever written over another's counter
  plan.values_offset = plan.sums_offset + aligned(states * sizeof(float2));
  plan.bytes = plan.values_offset + aligned(states * size_t(plan.dim) * sizeof(float));
  return plan;
}

size_t attention_scratch_bytes(const AttentionShape& shape) { return plan_attention(shape).bytes; }

}  // namespace ragdraft::ops::cuda
