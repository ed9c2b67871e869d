// Division of attention into tasks; the arithmetic is in isa/attention.cc, the words (block, split, state) in attention_kernels.h.
//
// A task is a block of rows against one kv head. When there are enough of those for all threads, a task runs over all splits
// of its keys and merges them as it goes. Else (a decode on many cores) every split is a task of its own, its state is kept,
// and a second loop merges. Both ways do the same operations on the same numbers in the same order.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/cpu/cpu_backend.h"

namespace ragdraft::ops {
namespace {

// Blocks are not made smaller than that for the sake of more tasks: keys would be read again and again. 17 rows of 4 heads.
constexpr int kLeastBlockQueries = 68;
// With fewer tasks per thread, an unlucky last task would leave threads idle.
constexpr int kTasksPerThread = 4;
// The states of separate splits may take so much. What would need more has many rows, thus tasks enough.
constexpr size_t kMaxStateBytes = size_t(64) << 20;
// Merging less than this many floats costs less than waking a thread.
constexpr size_t kSerialMergeFloats = size_t(1) << 15;

// Some rows of a span.
struct RowBlock {
  const kv::KvSpan* span;
  int first_row, rows;  // within the span
  int splits;           // that the last row reaches
  size_t first_state;   // queries * splits of all blocks before, per kv head
};

struct Plan {
  std::vector<RowBlock> blocks;  // longest first: a long one at the end would keep one thread busy alone
  size_t states = 0;             // queries * splits, per kv head
};

// Rows of a block: as many as share a pass over the keys with profit, but fewer where that leaves too few tasks.
int choose_block_rows(std::span<const kv::KvSpan> spans, int queries, int group, int kv_heads, int threads) {
  const auto tasks = [&](int rows) {
    int blocks = 0;
    for (const kv::KvSpan& span : spans) blocks += (span.rows + rows - 1) / rows;
    return blocks * kv_heads;
  };
  int rows = std::max(1, queries / group);
  while (rows / 2 * group >= kLeastBlockQueries && tasks(rows) < threads * kTasksPerThread) rows /= 2;
  return rows;
}

Plan make_plan(std::span<const kv::KvSpan> spans, int max_rows, int group) {
  Plan plan;
  for (const kv::KvSpan& span : spans) {
    const int blocks = (span.rows + max_rows - 1) / max_rows;  // as even as possible
    for (int b = 0; b < blocks; b++) {
      const int first = int(int64_t(span.rows) * b / blocks), end = int(int64_t(span.rows) * (b + 1) / blocks);
      const int splits = (span.first_position + end - 1) / (kSplitPages * kPageTokens) + 1;
      plan.blocks.push_back({&span, first, end - first, splits, 0});
    }
  }
  const auto keys = [](const RowBlock& block) { return block.span->first_position + block.first_row + block.rows; };
  std::sort(plan.blocks.begin(), plan.blocks.end(), [&](const RowBlock& a, const RowBlock& b) { return keys(a) > keys(b); });
  for (RowBlock& block : plan.blocks) {
    block.first_state = plan.states;
    plan.states += size_t(block.rows) * size_t(group) * size_t(block.splits);
  }
  return plan;
}

// What one worker needs for a block.
struct Workspace {
  float* operands;  // [padded queries][kQueryStride]
  float* scores;    // [padded queries][kQueryStride]
  AttentionState split, merged;

  static size_t floats(int queries) { return padded(queries) * 4 * (kQueryStride + 1); }
  static size_t padded(int queries) { return (size_t(queries) + kQueryPadding + 15) / 16 * 16; }

  Workspace(float* memory, int queries) {
    const size_t matrix = padded(queries) * kQueryStride, column = padded(queries);
    operands = memory;
    scores = memory + matrix;
    float* columns = memory + 4 * matrix;
    split = {columns, columns + column, memory + 2 * matrix, kQueryStride};
    merged = {columns + 2 * column, columns + 3 * column, memory + 3 * matrix, kQueryStride};
  }
};

// One call of CpuBackend::attention.
struct AttentionCall {
  const AttentionKernels& kernels;
  const kv::KvLayout& layout;
  int layer, heads;
  float scale;
  const float* q;
  float* out;
  Plan plan;
  int workspace_queries;
  float* workspaces;        // [worker][Workspace::floats(workspace_queries)]
  float* states = nullptr;  // [maximum, sum of all states][out of all states], when splits are separate tasks

  Workspace workspace(int worker) const {
    return Workspace(workspaces + size_t(worker) * Workspace::floats(workspace_queries), workspace_queries);
  }

  AttentionBlock block(const RowBlock& rows, int kv_head) const {
    const int group = heads / layout.kv_heads;
    const size_t stride = size_t(heads) * size_t(layout.head_dim);
    const size_t from =
        size_t(rows.span->first_row + rows.first_row) * stride + size_t(kv_head) * size_t(group) * size_t(layout.head_dim);
    return {.pages = rows.span->pages,
            .tile_offset = layout.tile_offset(layer, kv_head),
            .block_bytes = layout.block_bytes(),
            .type = layout.type,
            .head_dim = layout.head_dim,
            .padded_head_dim = layout.padded_head_dim(),
            .rows = rows.rows,
            .group = group,
            .first_position = rows.span->first_position + rows.first_row,
            .scale = scale,
            .row_stride = stride,
            .q = q + from,
            .out = out + from};
  }

  // The kept state of (block, kv head, split).
  AttentionState kept(const RowBlock& rows, int kv_head, int split) const {
    const size_t queries = size_t(rows.rows) * size_t(heads / layout.kv_heads), all = plan.states * size_t(layout.kv_heads);
    const size_t at =
        rows.first_state * size_t(layout.kv_heads) + (size_t(kv_head) * size_t(rows.splits) + size_t(split)) * queries;
    return {states + at, states + all + at, states + 2 * all + at * size_t(layout.padded_head_dim()), layout.padded_head_dim()};
  }
  size_t kept_floats() const { return plan.states * size_t(layout.kv_heads) * size_t(2 + layout.padded_head_dim()); }

  void attend_all(const RowBlock& rows, int kv_head, const Workspace& work) const {
    const AttentionBlock b = block(rows, kv_head);
    kernels.pack_queries(b, work.operands);
    kernels.clear(b, work.merged);
    for (int split = 0; split < rows.splits; split++) {
      kernels.attend_split(b, split, work.operands, work.scores, work.split);
      kernels.merge(b, split, work.split, work.merged);
    }
    kernels.finish(b, work.merged);
  }

  void attend_one(const RowBlock& rows, int kv_head, int split, const Workspace& work) const {
    const AttentionBlock b = block(rows, kv_head);
    kernels.pack_queries(b, work.operands);
    kernels.attend_split(b, split, work.operands, work.scores, work.split);
    const AttentionState to = kept(rows, kv_head, split);
    const size_t queries = size_t(b.rows) * size_t(b.group);
    std::memcpy(to.maximum, work.split.maximum, queries * sizeof(float));
    std::memcpy(to.sum, work.split.sum, queries * sizeof(float));
    for (size_t i = 0; i < queries; i++) {
      std::memcpy(to.out + i * size_t(to.stride), work.split.out + i * kQueryStride, size_t(to.stride) * sizeof(float));
    }
  }

  void merge_kept(const RowBlock& rows, int kv_head, const Workspace& work) const {
    const AttentionBlock b = block(rows, kv_head);
    kernels.clear(b, work.merged);
    for (int split = 0; split < rows.splits; split++) kernels.merge(b, split, kept(rows, kv_head, split), work.merged);
    kernels.finish(b, work.merged);
  }
};

void run_whole(const AttentionCall& call, ThreadPool& pool) {
  const int kv_heads = call.layout.kv_heads;
  pool.parallel_for(int(call.plan.blocks.size()) * kv_heads, [&](int index, int worker) {
    call.attend_all(call.plan.blocks[size_t(index / kv_heads)], index % kv_heads, call.workspace(worker));
  });
}

void run_split(const AttentionCall& call, ThreadPool& pool) {
  const int kv_heads = call.layout.kv_heads;
  struct Task {
    const RowBlock* rows;
    int split;
  };
  std::vector<Task> tasks;
  for (const RowBlock& rows : call.plan.blocks) {
    for (int split = 0; split < rows.splits; split++) tasks.push_back({&rows, split});
  }
  pool.parallel_for(int(tasks.size()) * kv_heads, [&](int index, int worker) {
    const Task& task = tasks[size_t(index / kv_heads)];
    call.attend_one(*task.rows, index % kv_heads, task.split, call.workspace(worker));
  });
  const int merges = int(call.plan.blocks.size()) * kv_heads;
  const auto merge = [&](int index, int worker) {
    call.merge_kept(call.plan.blocks[size_t(index / kv_heads)], index % kv_heads, call.workspace(worker));
  };
  if (call.kept_floats() < kSerialMergeFloats) {
    for (int i = 0; i < merges; i++) merge(i, 0);
  } else {
    pool.parallel_for(merges, merge);
  }
}

}  // namespace

void CpuBackend::attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale,
                           const float* q, float* out) {
  check(layout.head_dim >= 2 && layout.head_dim <= kMaxHeadDim && layout.head_dim % 2 == 0, Code::kInvalidArgument,
        "attention heads must have an even dimension of at most 256");
  check(layout.kv_heads >= 1 && heads >= 1 && heads % layout.kv_heads == 0, Code::kInvalidArgument,
        "the query heads must be a multiple of the kv heads");
  const int group = heads / layout.kv_heads, threads = pool_.threads(), queries = kernels_.attention.block_queries(layout.type);
  const int block_rows = choose_block_rows(spans, queries, group, layout.kv_heads, threads);
  AttentionCall call{.kernels = kernels_.attention,
                     .layout = layout,
                     .layer = layer,
                     .heads = heads,
                     .scale = scale,
                     .q = q,
                     .out = out,
                     .plan = make_plan(spans, block_rows, group),
                     .workspace_queries = block_rows * group,
                     .workspaces = nullptr};
  const size_t workspaces = size_t(threads) * Workspace::floats(call.workspace_queries);
  const size_t tasks = call.plan.blocks.size() * size_t(layout.kv_heads);
  const bool few_tasks = threads > 1 && tasks < size_t(threads) * kTasksPerThread;
  const bool several_splits = std::any_of(call.plan.blocks.begin(), call.plan.blocks.end(), [](const RowBlock& b) { return b.splits > 1; });
  const bool split = few_tasks && several_splits && call.kept_floats() * sizeof(float) <= kMaxStateBytes;
  call.workspaces = attention_scratch_.reserve<float>(workspaces + (split ? call.kept_floats() : 0));
  call.states = call.workspaces + workspaces;
  split ? run_split(call, pool_) : run_whole(call, pool_);
}

}  // namespace ragdraft::ops
