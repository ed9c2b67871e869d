// out[r, :] = row tokens[r] of the table.
#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {

void embed(const formats::MatrixView& table, std::span<const TokenId> tokens, float* out) {
  const size_t stride = formats::row_bytes(table.type, table.columns);
  for (size_t r = 0; r < tokens.size(); r++) {
    formats::dequantize_row(table.type, table.data + size_t(tokens[r]) * stride, table.columns, out + r * size_t(table.columns));
  }
}

}  // namespace ragdraft::ops::ref
