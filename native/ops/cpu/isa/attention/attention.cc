// Blocked attention of one instruction set: tiles of 64 keys (one page), online softmax with one maximum per tile and query.
// What a block, a split and a state are: native/ops/cpu/attention_kernels.h. K and V in a page: native/kv/tile_index.h.
#include <math.h>
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/attention/attention_bytes.h"
#include "ops/cpu/isa/attention/attention_float.h"
#include "ops/cpu/isa/attention/attention_pages.h"
#include "ops/cpu/isa/simd/simd.h"
#if RAGDRAFT_HAS_TILES
#include "ops/cpu/isa/attention/attention_amx.h"
#endif

namespace ragdraft::ops {
namespace {

// All queries of the block at once: scores of a page, weights, and weights times values added to the state.
template <class Arithmetic>
struct BlockedAttention {
  // Enough for full register tiles (5 of 14), few enough for their working memory (queries, scores, values: up to 1 KiB each per
  // query) to stay in L2. 17 rows of 4 heads are one block.
  static constexpr int kBlockQueries = 70;

  static void pack_queries(const AttentionBlock& block, float* operands) { Arithmetic::pack_queries(block, operands); }

  static void attend_split(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
    begin_split(block, split, state);
    for_each_page(block, split, [&](const KeyPage& page) {
      const int first = page.first_query, queries = block.rows * block.group - first;
      float* tile = scores + size_t(first) * kQueryStride;
      Arithmetic::score(block, page.keys, operands + size_t(first) * kQueryStride, queries, tile, page.ahead);
      for (int row = page.first_row, i = first; row < block.rows; ++row) {
        for (int end = i + block.group; i < end; ++i) {
          Arithmetic::weigh(block, page.keys, page.visible(row), scores + size_t(i) * kQueryStride, state.maximum[i], state.sum[i],
                            state.out + size_t(i) * kQueryStride);
        }
      }
      Arithmetic::add_values(block, page.values, tile, queries, state.out + size_t(first) * kQueryStride, page.ahead);
    });
  }
};

using F16Attention = BlockedAttention<FloatArithmetic<F16Operand>>;
using F32Attention = BlockedAttention<FloatArithmetic<F32Operand>>;
#if RAGDRAFT_HAS_TILES
using Bf16Attention = TileAttention<Bf16Tiles>;
using Q8Attention = TileAttention<ByteTiles>;
#else
using Bf16Attention = BlockedAttention<FloatArithmetic<Bf16Operand>>;
using Q8Attention = BlockedAttention<ByteArithmetic>;
#endif

void clear(const AttentionBlock& block, const AttentionState& into) {
  for (int i = 0; i < block.rows * block.group; ++i) {
    into.maximum[i] = -INFINITY;
    into.sum[i] = 0;
    memset(into.out + size_t(i) * size_t(into.stride), 0, size_t(block.padded_head_dim) * sizeof(float));
  }
}

float exp_of(float x) {
  float lanes[16];
  store(lanes, exp(F32x16::set1(x)));
  return lanes[0];
}

// One of the two factors is 1: the side with the larger maximum keeps its scale.
void merge(const AttentionBlock& block, int split, const AttentionState& from, const AttentionState& into) {
  const int first = first_row_reaching(block, split * kSplitPages * kPageTokens) * block.group;
  for (int i = first; i < block.rows * block.group; ++i) {
    const float maximum = from.maximum[i] > into.maximum[i] ? from.maximum[i] : into.maximum[i];
    const float kept = exp_of(into.maximum[i] - maximum), added = exp_of(from.maximum[i] - maximum);
    into.maximum[i] = maximum;
    into.sum[i] = into.sum[i] * kept + from.sum[i] * added;
    const float* source = from.out + size_t(i) * size_t(from.stride);
    float* target = into.out + size_t(i) * size_t(into.stride);
    for (int d = 0; d < block.padded_head_dim; d += 16) {
      store(target + d, fma(F32x16::load(source + d), F32x16::set1(added), F32x16::load(target + d) * F32x16::set1(kept)));
    }
  }
}

void finish(const AttentionBlock& block, const AttentionState& state) {
  for (int i = 0; i < block.rows * block.group; ++i) {
    float* out = block.out + size_t(i / block.group) * block.row_stride + size_t(i % block.group) * size_t(block.head_dim);
    const float* from = state.out + size_t(i) * size_t(state.stride);
    for (int d = 0; d < block.head_dim; d += 16) {
      float lanes[16];
      store(lanes, F32x16::load(from + d) / F32x16::set1(state.sum[i]));
      memcpy(out + d, lanes, size_t(block.head_dim - d < 16 ? block.head_dim - d : 16) * sizeof(float));
    }
  }
}

int block_queries(kv::KvType type) {
  switch (type) {
    case kv::KvType::kF16: return F16Attention::kBlockQueries;
    case kv::KvType::kBF16: return Bf16Attention::kBlockQueries;
    case kv::KvType::kF32: return F32Attention::kBlockQueries;
    case kv::KvType::kQ8: return Q8Attention::kBlockQueries;
  }
  return 0;
}

void pack_queries(const AttentionBlock& block, float* operands) {
  switch (block.type) {
    case kv::KvType::kF16: return F16Attention::pack_queries(block, operands);
    case kv::KvType::kBF16: return Bf16Attention::pack_queries(block, operands);
    case kv::KvType::kF32: return F32Attention::pack_queries(block, operands);
    case kv::KvType::kQ8: return Q8Attention::pack_queries(block, operands);
  }
}

void attend_split(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
  switch (block.type) {
    case kv::KvType::kF16: return F16Attention::attend_split(block, split, operands, scores, state);
    case kv::KvType::kBF16: return Bf16Attention::attend_split(block, split, operands, scores, state);
    case kv::KvType::kF32: return F32Attention::attend_split(block, split, operands, scores, state);
    case kv::KvType::kQ8: return Q8Attention::attend_split(block, split, operands, scores, state);
  }
}

constexpr AttentionKernels kKernels = {block_queries, pack_queries, attend_split, clear, merge, finish};

}  // namespace

const AttentionKernels& RAGDRAFT_SYMBOL(attention_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
