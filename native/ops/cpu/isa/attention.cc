// Blocked attention of one instruction set: tiles of 64 keys (one page), online softmax with one maximum per tile and query.
// What a block, a split and a state are: native/ops/cpu/attention_kernels.h. K and V in a page: native/kv/tile_index.h.
#include <math.h>
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/attention_product.h"
#include "ops/cpu/isa/simd.h"

namespace ragdraft::ops {
namespace {

constexpr int kTileVectors = kPageTokens / 16;
// Weights below e^-87 = 1.6e-38 are taken as 0: they would be subnormal, which products pay for in microcode.
constexpr float kSmallestExponent = -87.0f;

// The first row of the block whose position reaches `key`; rows if none does.
int first_row_reaching(const AttentionBlock& block, int key) {
  const int row = key - block.first_position;
  return row < 0 ? 0 : row < block.rows ? row : block.rows;
}

// Scores to weights, in place, for one query that sees the first `keys` (>= 1) of a tile. Masked scores may be anything: their
// weights are exactly 0 and they do not move the maximum. Weights are rounded as the product will see them, then summed.
template <class Operand>
void softmax_tile(float* scores, int keys, int dims, float& maximum, float& sum, float* out) {
  F32x16 s[kTileVectors];
  RAGDRAFT_UNROLL
  for (int i = 0; i < kTileVectors; ++i) s[i] = F32x16::load(scores + 16 * i);
  if (keys < kPageTokens) {
    static const float kLanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const F32x16 lanes = F32x16::load(kLanes), masked = F32x16::set1(-INFINITY);
    RAGDRAFT_UNROLL
    for (int i = 0; i < kTileVectors; ++i) s[i] = select_less(lanes, F32x16::set1(float(keys - 16 * i)), s[i], masked);
  }
  const float peak = reduce_max(max(max(s[0], s[1]), max(s[2], s[3])));
  if (peak > maximum) {
    const F32x16 factor = exp(F32x16::set1(maximum - peak));
    float lanes[16];
    store(lanes, factor);
    sum *= lanes[0];
    for (int d = 0; d < dims; d += 16) store(out + d, F32x16::load(out + d) * factor);
    maximum = peak;
  }
  const F32x16 shift = F32x16::set1(maximum), smallest = F32x16::set1(kSmallestExponent);
  RAGDRAFT_UNROLL
  for (int i = 0; i < kTileVectors; ++i) {
    const F32x16 x = s[i] - shift;
    s[i] = Operand::round(select_less(x, smallest, F32x16::zero(), exp(x)));
  }
  sum += reduce_add((s[0] + s[1]) + (s[2] + s[3]));
  for (int i = 0; i < kTileVectors; i += 2) Operand::store_words(scores, 16 * i, s[i], s[i + 1]);
}

template <class Operand>
void pack_queries(const AttentionBlock& block, float* operands) {
  constexpr int kStepsOf32 = 32 / Operand::kDepth * Operand::kWords;
  float padded[kMaxHeadDim];
  memset(padded, 0, sizeof padded);
  for (int i = 0; i < block.rows * block.group; ++i, operands += kQueryStride) {
    const float* q = block.q + size_t(i / block.group) * block.row_stride + size_t(i % block.group) * size_t(block.head_dim);
    memcpy(padded, q, size_t(block.head_dim) * sizeof(float));
    for (int d = 0; d < block.head_dim; d += 32) {
      const F32x16 scale = F32x16::set1(block.scale);
      const F32x16 low = F32x16::load(padded + d) * scale, high = F32x16::load(padded + d + 16) * scale;
      Operand::store_words(operands + d / 32 * kStepsOf32, 0, Operand::round(low), Operand::round(high));
    }
  }
}

template <class Operand>
void attend_split(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
  using Element = typename Operand::Element;
  const int last_page = (block.first_position + block.rows - 1) / kPageTokens;
  const int first_page = split * kSplitPages;
  const int end_page = first_page + kSplitPages <= last_page ? first_page + kSplitPages : last_page + 1;
  const int queries = block.rows * block.group, dims = block.padded_head_dim;
  for (int i = first_row_reaching(block, first_page * kPageTokens) * block.group; i < queries; ++i) {
    state.maximum[i] = -INFINITY;
    state.sum[i] = 0;
    memset(state.out + size_t(i) * kQueryStride, 0, size_t(dims) * sizeof(float));
  }
  for (int page = first_page; page < end_page; ++page) {
    const std::byte* keys = block.pages[page] + block.tile_offset;
    const int first_row = first_row_reaching(block, page * kPageTokens), first = first_row * block.group;
    float* tile = scores + size_t(first) * kQueryStride;
    // Pages lie megabytes apart: the hardware would start anew with every tile.
    const uintptr_t ahead =
        page < last_page ? reinterpret_cast<uintptr_t>(block.pages[page + 1]) - reinterpret_cast<uintptr_t>(block.pages[page]) : 0;
    const Product<Operand> score{.left = operands + size_t(first) * kQueryStride,
                                 .block = reinterpret_cast<const Element*>(keys),
                                 .block_stride = kPageTokens * Operand::kDepth,
                                 .steps = block.head_dim / Operand::kDepth,
                                 .columns = kPageTokens,
                                 .result = tile,
                                 .accumulate = false,
                                 .ahead = ahead};
    multiply(score, queries - first);
    for (int row = first_row, i = first; row < block.rows; ++row) {
      const int reach = block.first_position + row + 1 - page * kPageTokens;
      for (int end = i + block.group; i < end; ++i) {
        softmax_tile<Operand>(scores + size_t(i) * kQueryStride, reach < kPageTokens ? reach : kPageTokens, dims, state.maximum[i],
                              state.sum[i], state.out + size_t(i) * kQueryStride);
      }
    }
    const Product<Operand> value{.left = tile,
                                 .block = reinterpret_cast<const Element*>(keys + block.block_bytes),
                                 .block_stride = dims * Operand::kDepth,
                                 .steps = kPageTokens / Operand::kDepth,
                                 .columns = dims,
                                 .result = state.out + size_t(first) * kQueryStride,
                                 .accumulate = true,
                                 .ahead = ahead};
    multiply(value, queries - first);
  }
}

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

void pack_queries_any(const AttentionBlock& block, float* operands) {
  switch (block.type) {
    case kv::KvType::kF16: return pack_queries<F16Operand>(block, operands);
    case kv::KvType::kBF16: return pack_queries<Bf16Operand>(block, operands);
    case kv::KvType::kF32: return pack_queries<F32Operand>(block, operands);
  }
}

void attend_split_any(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
  switch (block.type) {
    case kv::KvType::kF16: return attend_split<F16Operand>(block, split, operands, scores, state);
    case kv::KvType::kBF16: return attend_split<Bf16Operand>(block, split, operands, scores, state);
    case kv::KvType::kF32: return attend_split<F32Operand>(block, split, operands, scores, state);
  }
}

constexpr AttentionKernels kKernels = {pack_queries_any, attend_split_any, clear, merge, finish};

}  // namespace

const AttentionKernels& RAGDRAFT_SYMBOL(attention_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
