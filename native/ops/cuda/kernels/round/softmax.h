// Rows of logits in device memory, and the sums over them from which every token's probability follows. A row is summed in chunks, each
// by one block; who needs the row's sum adds the chunks'.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/round/round.h"

namespace ragdraft::ops::cuda {

struct LogitRows {
  const float* values;
  int64_t stride;  // from row to row
  int valid;       // tokens of the vocabulary without padding, 1 .. kMostTokens
};

inline constexpr int kChunkTokens = 2048;
inline int chunks_of(int valid) { return (valid + kChunkTokens - 1) / kChunkTokens; }

// Of all chunks: [rows][chunks].
struct RowSums {
  int chunks;
  Best<float>* best;  // largest logits
  Mass* mass;         // weights relative to the row's largest logit
};

// best[row, chunk], and with the weights at round->temperature mass[row, chunk]. One launch each.
void row_peaks(gpu::Stream& stream, const LogitRows& logits, int rows, const RowSums& sums);
void row_masses(gpu::Stream& stream, const LogitRows& logits, int rows, const Round* round, const RowSums& sums);

}  // namespace ragdraft::ops::cuda
