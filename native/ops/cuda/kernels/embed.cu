#include "ops/cuda/kernels/embed.cuh"

namespace ragdraft::ops::cuda {
namespace {

template <tensor::DType kType>
void embed_as(gpu::Stream& stream, const EmbeddingTable& table, const TokenId* tokens, int rows, float* out) {
  const gpu::Shape shape{dim3(unsigned((table.columns + kEmbedThreads - 1) / kEmbedThreads), unsigned(rows)), dim3(kEmbedThreads)};
  gpu::launch(embed_kernel<kType>, shape, stream, table.data, table.row_bytes, table.columns, tokens, out);
}

}  // namespace

void embed(gpu::Stream& stream, const EmbeddingTable& table, const TokenId* tokens, int rows, float* out) {
  using tensor::DType;
  switch (table.type) {
    case DType::kF32: return embed_as<DType::kF32>(stream, table, tokens, rows, out);
    case DType::kF16: return embed_as<DType::kF16>(stream, table, tokens, rows, out);
    case DType::kBF16: return embed_as<DType::kBF16>(stream, table, tokens, rows, out);
    case DType::kQ8_0: return embed_as<DType::kQ8_0>(stream, table, tokens, rows, out);
    case DType::kQ4_0: return embed_as<DType::kQ4_0>(stream, table, tokens, rows, out);
    case DType::kQ4_K: return embed_as<DType::kQ4_K>(stream, table, tokens, rows, out);
    case DType::kQ5_K: return embed_as<DType::kQ5_K>(stream, table, tokens, rows, out);
    case DType::kQ6_K: return embed_as<DType::kQ6_K>(stream, table, tokens, rows, out);
  }
}

}  // namespace ragdraft::ops::cuda
