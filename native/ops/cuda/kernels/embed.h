// Embedding lookup.
#pragma once
#include <cstdint>

#include "base/types.h"
#include "ops/cuda/gpu.h"
#include "tensor/dtype.h"

namespace ragdraft::ops::cuda {

// A table of token vectors as its file stores it, in device memory.
struct EmbeddingTable {
  tensor::DType type;
  int64_t columns, row_bytes;
  const uint8_t* data;  // [vocabulary] rows
};

// out[r, :] = row tokens[r] of the table, dequantised: the same bits as tensor::dequantize_row().
// tokens: [rows] on the device, each within the table. out: [rows, columns].
void embed(gpu::Stream& stream, const EmbeddingTable& table, const TokenId* tokens, int rows, float* out);

}  // namespace ragdraft::ops::cuda
