// Rows at the ends of a pass: token vectors at its beginning, the rows whose logits are wanted at its end.
#pragma once
#include <cstdint>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/pass.h"
#include "formats/dtype.h"

namespace ragdraft::ops::cuda {

// A table of token vectors as its file stores it, in device memory.
struct EmbeddingTable {
  formats::DType type;
  int64_t columns, row_bytes;
  const uint8_t* data;  // [vocabulary] rows
};

// out[r, :] = row pass->row[r].token of the table, dequantised: the same bits as formats::dequantize_row(). out: [rows, columns].
// drafts: where draft() writes them, for unknown_draft(i); a draft that failed is -1 and embedded as token 0.
void embed(gpu::Stream& stream, const Pass* pass, const TokenId* drafts, const EmbeddingTable& table, int rows, float* out);

// out[i, :] = x[pass->wanted_row[i], :].  x, out: [.., columns]; apart.
void gather_wanted(gpu::Stream& stream, const Pass* pass, const float* x, int wanted, int64_t columns, float* out);

}  // namespace ragdraft::ops::cuda
