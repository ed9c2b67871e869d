#include "ops/cuda/kernels/attention/attention_launch.cuh"

namespace ragdraft::ops::cuda {

template void launch_attention<kv::KvType::kBF16>(gpu::Stream&, const AttentionCall&, const AttentionPlan&);

}  // namespace ragdraft::ops::cuda
