#include "ops/cuda/kernels/attention.cuh"

#include "base/error.h"

namespace ragdraft::ops::cuda {
namespace {

template <kv::KvType kType, int kDim, int kTiles>
void launch(gpu::Stream& stream, const AttentionCall& call, const AttentionPlan& plan) {
  using Kind = AttentionKind<kType, kDim, kTiles>;
  static_assert(sizeof(AttentionShared<Kind>) <= 99 << 10, "more shared memory than a block has on every card");
  const dim3 grid{unsigned(plan.sets), unsigned(call.kv.kv_heads), unsigned(plan.leaves)};
  gpu::launch(attention_kernel<Kind>, gpu::Shape{grid, dim3(kAttentionThreads), sizeof(AttentionShared<Kind>)}, stream, call);
}

template <kv::KvType kType, int kDim>
void launch_tiles(gpu::Stream& stream, const AttentionCall& call, const AttentionPlan& plan) {
  switch (plan.tiles) {
    case 1: return launch<kType, kDim, 1>(stream, call, plan);
    case 2: return launch<kType, kDim, 2>(stream, call, plan);
    case 3: return launch<kType, kDim, 3>(stream, call, plan);
    default: return launch<kType, kDim, most_tiles(kDim)>(stream, call, plan);
  }
}

template <kv::KvType kType>
void launch_dim(gpu::Stream& stream, const AttentionCall& call, const AttentionPlan& plan) {
  switch (plan.dim) {
    case 64: return launch_tiles<kType, 64>(stream, call, plan);
    case 96: return launch_tiles<kType, 96>(stream, call, plan);
    case 128: return launch_tiles<kType, 128>(stream, call, plan);
    default: return launch_tiles<kType, 256>(stream, call, plan);
  }
}

}  // namespace

void attention(gpu::Stream& stream, const Pass* pass, const AttentionShape& shape, const float* q, float* out, void* scratch) {
  const AttentionPlan plan = plan_attention(shape);
  constexpr float kLog2E = 1.44269504f;
  auto* const bytes = static_cast<unsigned char*>(scratch);
  const AttentionCall call{pass,
                           q,
                           out,
                           reinterpret_cast<uint32_t*>(bytes),
                           reinterpret_cast<float2*>(bytes + plan.sums_offset),
                           reinterpret_cast<float*>(bytes + plan.values_offset),
                           shape.kv,
                           plan.tree,
                           shape.heads,
                           shape.heads / shape.kv.kv_heads,
                           shape.rows,
                           shape.scale * kLog2E};
  switch (shape.type) {
    case kv::KvType::kF16: return launch_dim<kv::KvType::kF16>(stream, call, plan);
    case kv::KvType::kBF16: return launch_dim<kv::KvType::kBF16>(stream, call, plan);
    case kv::KvType::kQ8: return launch_dim<kv::KvType::kQ8>(stream, call, plan);
    case kv::KvType::kF32: break;  // the backend refuses it
  }
}

}  // namespace ragdraft::ops::cuda
