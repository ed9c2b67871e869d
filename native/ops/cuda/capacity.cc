#include "ops/cuda/capacity.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "ops/cuda/cuda_backend.h"
#include "ops/cuda/kernels/pass.h"
#include "ops/draft_copy.h"

namespace ragdraft::ops::cuda {
namespace {

constexpr size_t kAllocationUnit = size_t{2} << 20;  // the driver hands out memory in pieces of this

size_t whole_units(size_t bytes) { return (bytes + kAllocationUnit - 1) / kAllocationUnit * kAllocationUnit; }

// Of the largest pass: few rows take a block for each split of the keys, many rows more rows; either may need more.
size_t attention_scratch(const ragdraft_cuda_api& api, const Demand& demand) {
  const ragdraft_cuda_kv kv = kv_shape_of(demand.kv, 0);
  uint64_t most = 0;
  for (int rows = 1; rows <= kPassRows; rows *= 2) {
    uint64_t bytes = 0;
    ragdraft_cuda_error error;
    require(api.attention_scratch(&kv, demand.heads, rows, 1, context_bucket(demand.tokens), &bytes, &error), error);
    most = std::max(most, bytes);
  }
  return most;
}

std::string gibibytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", double(bytes) / double(uint64_t{1} << 30));
  return text;
}

}  // namespace

int context_bucket(int keys) {
  constexpr int kLeast = 1024;
  return int(std::bit_ceil(unsigned(std::max(keys, kLeast))));
}

MemoryNeeded memory_needed(const ragdraft_cuda_api& api, const Demand& demand) {
  MemoryNeeded need{};
  const formats::MatrixView& table = demand.embedding;
  need.weights = whole_units(size_t(table.rows) * formats::row_bytes(formats::computed_as(table.type), table.columns));
  size_t scratch = 0, most_outputs = 0;
  const auto add = [&](formats::DType type, const formats::MatrixView& matrix) {
    const PackedSize size = packed_size(api, type, matrix.rows, matrix.columns);
    need.weights += size.bytes;
    scratch = std::max(scratch, size_t(size.scratch_bytes));
    most_outputs = std::max(most_outputs, size_t(matrix.rows));
  };
  for (const formats::MatrixView& matrix : demand.matrices) {
    add(formats::computed_as(matrix.type), matrix);
    if (demand.draft_copy && draft_copy_pays(matrix)) add(formats::DType::kQ4_0, matrix);
  }
  // The driver puts small arrays together, large ones waste a part of their last unit.
  need.weights = whole_units(need.weights + need.weights / 64);
  need.context = size_t((demand.tokens + kPageTokens - 1) / kPageTokens) * demand.kv.page_bytes();
  // Scratch memory comes in pieces that stay beside larger ones: at most twice what is needed (device.h).
  need.working = whole_units(demand.other_bytes) + 2 * (scratch + attention_scratch(api, demand)) +
                 (kLogitRows + 2 * kRoundLogits) * most_outputs * sizeof(float) + 2 * kAllocationUnit;
  return need;
}

void CudaBackend::require_capacity(const Demand& demand) const {
  const MemoryNeeded need = memory_needed(device_->api, demand);
  const FreeMemory memory = device_->free_memory();
  if (need.total() <= memory.free_bytes) return;
  throw Error(Code::kOutOfMemory, "the model needs " + gibibytes(need.total()) + " on the GPU (" + gibibytes(need.weights) + " of weights, " +
                                      gibibytes(need.context) + " for " + std::to_string(demand.tokens) + " tokens of context, " +
                                      gibibytes(need.working) + " to work with), of which " + gibibytes(memory.free_bytes) + " of " +
                                      gibibytes(memory.total_bytes) + " are free");
}

}  // namespace ragdraft::ops::cuda
