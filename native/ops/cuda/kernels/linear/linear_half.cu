#include <algorithm>

#include "ops/cuda/kernels/linear/linear_half_tiles.cuh"

namespace ragdraft::ops::cuda {
namespace {

template <formats::DType kType, int kStrips>
void multiply_few_rows(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows) {
  ProductBatch<HalfFormat> batch{};
  const unsigned blocks = place_products(products, count, kStrips * kStripOutputs, batch);
  const int tiles = (rows + kTileRows - 1) / kTileRows, per_block = std::min(tiles, kMaxTiles);
  const gpu::Shape shape{dim3(unsigned((tiles + per_block - 1) / per_block), blocks), dim3(kLinearThreads), half_shared_bytes<kStrips>()};
  const auto run = [&](auto kernel) { gpu::launch(kernel, shape, stream, batch, inputs, rows); };
  switch (per_block) {
    case 1: return run(linear_half_kernel<kType, kStrips, 1>);
    case 2: return run(linear_half_kernel<kType, kStrips, 2>);
    default: return run(linear_half_kernel<kType, kStrips, kMaxTiles>);
  }
}

// The chain of an output is the same in all three kernels.
template <formats::DType kType>
void multiply_half(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool) {
  if (rows > kFewRows) {
    ProductBatch<HalfFormat> batch{};
    const unsigned blocks = place_products(products, count, kWideOutputs, batch);
    const gpu::Shape shape{dim3(unsigned((rows + kWideRows - 1) / kWideRows), blocks), dim3(kLinearThreads), kWideSharedBytes};
    return gpu::launch(linear_half_tiles_kernel<kType>, shape, stream, batch, inputs, rows);
  }
  if (has_few_outputs(products, count)) multiply_few_rows<kType, 1>(stream, products, count, inputs, rows);
  else multiply_few_rows<kType, 2>(stream, products, count, inputs, rows);
}

// A draft reads all of them: what drafts from these weights in fewer bits is a copy of its own type.
template <formats::DType kType>
constexpr LinearFormat half_format(InputForm inputs) {
  return {inputs, planes_bytes<HalfFormat>, planes_bytes<HalfFormat>, pack_rows<HalfFormat>, multiply_half<kType>};
}

}  // namespace

const LinearFormat kLinearBF16 = half_format<formats::DType::kBF16>(InputForm::kBF16);
const LinearFormat kLinearF16 = half_format<formats::DType::kF16>(InputForm::kF16);

}  // namespace ragdraft::ops::cuda
