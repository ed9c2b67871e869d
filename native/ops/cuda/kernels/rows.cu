#include "base/error.h"
#include "ops/cuda/kernels/rows.cuh"

namespace ragdraft::ops::cuda {
namespace {

gpu::Shape shape_of(int rows, int64_t columns) {
  return {dim3(unsigned((columns + kRowThreads - 1) / kRowThreads), unsigned(rows)), dim3(kRowThreads)};
}

}  // namespace

void embed(gpu::Stream& stream, const Pass* pass, const TokenId* drafts, const EmbeddingTable& table, int rows, float* out) {
  switch (table.type) {
#define RAGDRAFT_X(name) \
  case formats::DType::k##name: return gpu::launch(embed_kernel<formats::name>, shape_of(rows, table.columns), stream, pass, drafts, table, out);
    RAGDRAFT_KERNEL_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
    default: throw Error(Code::kInternal, "token vectors of a type that no kernel reads");
  }
}

void gather_wanted(gpu::Stream& stream, const Pass* pass, const float* x, int wanted, int64_t columns, float* out) {
  gpu::launch(gather_wanted_kernel, shape_of(wanted, columns), stream, pass, x, columns, out);
}

}  // namespace ragdraft::ops::cuda
