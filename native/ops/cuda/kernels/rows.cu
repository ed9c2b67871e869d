#include "ops/cuda/kernels/rows.cuh"

namespace ragdraft::ops::cuda {
namespace {

gpu::Shape shape_of(int rows, int64_t columns) {
  return {dim3(unsigned((columns + kRowThreads - 1) / kRowThreads), unsigned(rows)), dim3(kRowThreads)};
}

}  // namespace

void embed(gpu::Stream& stream, const Pass* pass, const TokenId* drafts, const EmbeddingTable& table, int rows, float* out) {
  using formats::DType;
  const auto run = [&](auto kernel) { gpu::launch(kernel, shape_of(rows, table.columns), stream, pass, drafts, table, out); };
  switch (table.type) {
    case DType::kF32: return run(embed_kernel<DType::kF32>);
    case DType::kF16: return run(embed_kernel<DType::kF16>);
    case DType::kBF16: return run(embed_kernel<DType::kBF16>);
    case DType::kQ8_0: return run(embed_kernel<DType::kQ8_0>);
    case DType::kQ4_0: return run(embed_kernel<DType::kQ4_0>);
    case DType::kQ5_0: return;  // computed as Q8_0
    case DType::kQ4_K: return run(embed_kernel<DType::kQ4_K>);
    case DType::kQ5_K: return run(embed_kernel<DType::kQ5_K>);
    case DType::kQ6_K: return run(embed_kernel<DType::kQ6_K>);
  }
}

void gather_wanted(gpu::Stream& stream, const Pass* pass, const float* x, int wanted, int64_t columns, float* out) {
  gpu::launch(gather_wanted_kernel, shape_of(wanted, columns), stream, pass, x, columns, out);
}

}  // namespace ragdraft::ops::cuda
