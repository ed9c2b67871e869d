#include "ops/cuda/kernels/linear/linear_f32.cuh"

namespace ragdraft::ops::cuda {
namespace {

void multiply_f32(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool) {
  ProductBatch<F32Format> batch{};
  const unsigned blocks = place_products(products, count, kF32Outputs, batch);
  const unsigned tiles = unsigned((rows + kTileRows - 1) / kTileRows);
  const gpu::Shape shape{dim3(tiles, blocks), dim3(kLinearThreads), kLinearWarps * WeightRing<1>::kBytes};
  gpu::launch(linear_f32_kernel, shape, stream, batch, inputs, rows);
}

}  // namespace

const LinearFormat kLinearF32 = {InputForm::kF32, planes_bytes<F32Format>, planes_bytes<F32Format>, pack_rows<F32Format>, multiply_f32};

}  // namespace ragdraft::ops::cuda
