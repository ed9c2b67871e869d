// From a call's plan to its kernel. Each type of keys and values has a source of its own: its kernels take the compiler minutes.
#pragma once
#include "ops/cuda/kernels/attention/attention.cuh"

namespace ragdraft::ops::cuda {

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
void launch_attention(gpu::Stream& stream, const AttentionCall& call, const AttentionPlan& plan) {
  switch (plan.dim) {
    case 64: return launch_tiles<kType, 64>(stream, call, plan);
    case 96: return launch_tiles<kType, 96>(stream, call, plan);
    case 128: return launch_tiles<kType, 128>(stream, call, plan);
    default: return launch_tiles<kType, 256>(stream, call, plan);
  }
}

// Defined in attention_f16.cu, attention_bf16.cu, attention_q8.cu.
extern template void launch_attention<kv::KvType::kF16>(gpu::Stream&, const AttentionCall&, const AttentionPlan&);
extern template void launch_attention<kv::KvType::kBF16>(gpu::Stream&, const AttentionCall&, const AttentionPlan&);
extern template void launch_attention<kv::KvType::kQ8>(gpu::Stream&, const AttentionCall&, const AttentionPlan&);

}  // namespace ragdraft::ops::cuda
