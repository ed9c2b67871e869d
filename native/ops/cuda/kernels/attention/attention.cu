#include "ops/cuda/kernels/attention/attention_launch.cuh"

namespace ragdraft::ops::cuda {

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
    case kv::KvType::kF16: return launch_attention<kv::KvType::kF16>(stream, call, plan);
    case kv::KvType::kBF16: return launch_attention<kv::KvType::kBF16>(stream, call, plan);
    case kv::KvType::kQ8: return launch_attention<kv::KvType::kQ8>(stream, call, plan);
    case kv::KvType::kF32: break;  // the backend refuses it
  }
}

}  // namespace ragdraft::ops::cuda
