#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/mapped_embedding.h"

namespace ragdraft::ops {

std::unique_ptr<EmbeddingTable> CpuBackend::load_embedding(const formats::MatrixView& source) {
  return std::make_unique<MappedEmbedding>(source);
}

void CpuBackend::embed(const EmbeddingTable& embedding, std::span<const TokenId> tokens, float* out) {
  const formats::MatrixView& table = MappedEmbedding::view_of(embedding);
  for (const TokenId token : tokens)
    check(token >= 0 && token < table.rows, Code::kInvalidArgument, "token id outside the embedding table");
  const size_t row_bytes = formats::row_bytes(table.type, table.columns);
  const auto one = [&](int i, int) {
    formats::dequantize_row(table.type, table.data + size_t(tokens[size_t(i)]) * row_bytes, table.columns, out + i * table.columns);
  };
  constexpr int kSerialTokens = 4;  // a few microseconds each: less than waking a worker
  if (tokens.size() <= kSerialTokens) {
    for (int i = 0; i < int(tokens.size()); ++i) one(i, 0);
  } else {
    pool_.parallel_for(int(tokens.size()), one);
  }
}

}  // namespace ragdraft::ops
