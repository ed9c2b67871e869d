// Blocked attention of one instruction set: tiles of 64 keys (one page), online softmax with one maximum per tile and query.
// What a block, a split and a state are: native/ops/cpu/attention_kernels.h. K and V in a page: native/kv/tile_index.h.
#include <math.h>
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/attention_bytes.h"
#include "ops/cpu/isa/attention_float.h"
#include "ops/cpu/isa/simd.h"

namespace ragdraft::ops {
namespace {

// The first row of the block whose position reaches `key`; rows if none does.
int first_row_reaching(const AttentionBlock& block, int key) {
  const int row = key - block.first_position;
  return row < 0 ? 0 : row < block.rows ? row : block.rows;
}

template <class Arithmetic>
void attend_split(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
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
    Arithmetic::score(block, keys, operands + size_t(first) * kQueryStride, queries - first, tile, ahead);
    for (int row = first_row, i = first; row < block.rows; ++row) {
      const int reach = block.first_position + row + 1 - page * kPageTokens;
      for (int end = i + block.group; i < end; ++i) {
        Arithmetic::weigh(block, keys, reach < kPageTokens ? reach : kPageTokens, scores + size_t(i) * kQueryStride, state.maximum[i],
                          state.sum[i], state.out + size_t(i) * kQueryStride);
      }
    }
    Arithmetic::add_values(block, keys + block.block_bytes, tile, queries - first, state.out + size_t(first) * kQueryStride, ahead);
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

void pack_queries(const AttentionBlock& block, float* operands) {
  switch (block.type) {
    case kv::KvType::kF16: return FloatArithmetic<F16Operand>::pack_queries(block, operands);
    case kv::KvType::kBF16: return FloatArithmetic<Bf16Operand>::pack_queries(block, operands);
    case kv::KvType::kF32: return FloatArithmetic<F32Operand>::pack_queries(block, operands);
    case kv::KvType::kQ8: return ByteArithmetic::pack_queries(block, operands);
  }
}

void attend_split_any(const AttentionBlock& block, int split, const float* operands, float* scores, const AttentionState& state) {
  switch (block.type) {
    case kv::KvType::kF16: return attend_split<FloatArithmetic<F16Operand>>(block, split, operands, scores, state);
    case kv::KvType::kBF16: return attend_split<FloatArithmetic<Bf16Operand>>(block, split, operands, scores, state);
    case kv::KvType::kF32: return attend_split<FloatArithmetic<F32Operand>>(block, split, operands, scores, state);
    case kv::KvType::kQ8: return attend_split<ByteArithmetic>(block, split, operands, scores, state);
  }
}

constexpr AttentionKernels kKernels = {pack_queries, attend_split_any, clear, merge, finish};

}  // namespace

const AttentionKernels& RAGDRAFT_SYMBOL(attention_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
