// Causal attention over paged keys and values for all rows of a pass.
#pragma once
#include <cstddef>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/attention/kv.h"
#include "ops/cuda/kernels/pass.h"

namespace ragdraft::ops::cuda {

// What a call is made for; the same for all replays of a graph.
struct AttentionShape {
  kv::KvType type;   // kBF16, kF16, kQ8
  KvShape kv;
  int heads;         // of queries; a multiple of kv.kv_heads
  float scale;       // of scores
  int rows, spans;   // most rows and spans of the pass
  int most_keys;     // no row sees more: the context bucket
};

// Of scratch memory: where blocks count that they are done.
inline constexpr size_t kAttentionCounterBytes = size_t{1} << 20;
// Scratch memory of a call; a multiple of 256. Throws kUnsupportedModel (heads of more than 256 dimensions), kContextOverflow (more
// sequences times keys than there are counters for).
size_t attention_scratch_bytes(const AttentionShape& shape);
// out[r, :] = softmax(scale * q k) v over the keys 0 .. position of row r. q, out: [rows, heads * head_dim]. pass: in device memory.
// A row's bits depend on its q and its keys alone: splits lie at absolute positions and are combined in order.
// scratch: attention_scratch_bytes(), 256-byte aligned. Its first kAttentionCounterBytes must be zero, and every call leaves them so; calls
// of different shapes may share the memory, one after the other.
void attention(gpu::Stream& stream, const Pass* pass, const AttentionShape& shape, const float* q, float* out, void* scratch);

}  // namespace ragdraft::ops::cuda
