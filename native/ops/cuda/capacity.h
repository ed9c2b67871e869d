// What a pass and a model take of a GPU's memory.
#pragma once
#include "kv/layout.h"
#include "ops/backend.h"
#include "ops/cuda/module.h"

namespace ragdraft::ops::cuda {

inline constexpr int kLogitRows = kMaxVerifyRows;  // whose logits the device keeps at a time: more come in runs

inline constexpr int kRoundLogits = kMaxVerifyRows + 1;  // rows that a round holds beside: the drafter's, and less than one of sums

// Attention is prepared for contexts of a power of two of keys, so that few shapes occur: the least that holds `keys`.
int context_bucket(int keys);

inline ragdraft_cuda_kv kv_shape_of(const kv::KvLayout& layout, int layer) {
  return {int(layout.type), layout.layers, layout.kv_heads, layout.head_dim, layer};
}

struct MemoryNeeded {
  size_t weights;  // with the token vectors and what else is loaded
  size_t context;  // keys and values of demand.tokens
  size_t working;  // activations and scratch memory
  size_t total() const { return weights + context + working; }
};
// Throws kUnsupportedModel for a matrix that there are no kernels for.
MemoryNeeded memory_needed(const ragdraft_cuda_api& api, const Demand& demand);

}  // namespace ragdraft::ops::cuda
