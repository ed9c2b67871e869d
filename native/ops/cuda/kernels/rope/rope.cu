#include "ops/cuda/kernels/rope/rope.cuh"

namespace ragdraft::ops::cuda {

void rope_angles(gpu::Stream& stream, const Pass* pass, const RopeShape& rope, int rows, float* angles) {
  gpu::launch(rope_angles_kernel, gpu::Shape{dim3(unsigned(rows)), dim3(64)}, stream, pass, rope, angles);
}

void rope_append(gpu::Stream& stream, const Pass* pass, const RopeShape& rope, const float* angles, kv::KvType type, const KvShape& kv,
                 int heads, int rows, float* q, const float* k, const float* v) {
  const unsigned units = unsigned(heads + 2 * kv.kv_heads);
  const gpu::Shape shape{dim3((units + kRopeWarps - 1) / kRopeWarps, unsigned(rows)), dim3(kRopeWarps * 32)};
  const auto run = [&](auto kernel) { gpu::launch(kernel, shape, stream, pass, rope, angles, kv, heads, q, k, v); };
  switch (type) {
    case kv::KvType::kF16: return run(rope_append_kernel<kv::KvType::kF16>);
    case kv::KvType::kBF16: return run(rope_append_kernel<kv::KvType::kBF16>);
    case kv::KvType::kQ8: return run(rope_append_kernel<kv::KvType::kQ8>);
    case kv::KvType::kF32: break;  // the backend refuses it
  }
}

}  // namespace ragdraft::ops::cuda
