#include "ops/cuda/kernels/linear.cuh"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "ops/cuda/kernels/pack.cuh"

namespace ragdraft::ops::cuda {
namespace {

void require_q8(tensor::DType type) {
  check(type == tensor::DType::kQ8_0, Code::kUnsupportedModel, "CUDA kernels multiply weights of type Q8_0 only");
}

template <bool kDraft>
void launch_tiles(gpu::Stream& stream, const ProductBatch& batch, unsigned blocks, const Inputs& inputs, int rows) {
  const int tiles = (rows + kTileRows - 1) / kTileRows, per_block = std::min(tiles, kMaxTiles);
  const gpu::Shape shape{dim3(blocks, unsigned((tiles + per_block - 1) / per_block)), dim3(kLinearThreads)};
  const auto run = [&](auto kernel) { gpu::launch(kernel, shape, stream, batch, inputs, rows); };
  switch (per_block) {
    case 1: return run(linear_q8_kernel<1, kDraft>);
    case 2: return run(linear_q8_kernel<2, kDraft>);
    default: return run(linear_q8_kernel<kMaxTiles, kDraft>);
  }
}

}  // namespace

size_t packed_bytes(tensor::DType type, int64_t rows, int64_t columns) {
  require_q8(type);
  const PlaneSizes sizes = plane_sizes(rows, columns);
  return 2 * sizes.nibbles + sizes.scales;
}

size_t packed_draft_bytes(tensor::DType type, int64_t rows, int64_t columns) {
  require_q8(type);
  const PlaneSizes sizes = plane_sizes(rows, columns);
  return sizes.nibbles + sizes.scales;
}

void pack(gpu::Stream& stream, const uint8_t* raw, int64_t first_row, int64_t rows, const Weights& into) {
  require_q8(into.type);
  const Planes planes = planes_of(into, first_row / kStripOutputs);
  const size_t strips = plane_sizes(rows, into.columns).strips;
  const gpu::Shape shape{dim3(unsigned((planes.pairs * 32 + kPackThreads - 1) / kPackThreads), unsigned(strips)), dim3(kPackThreads)};
  gpu::launch(pack_q8_kernel, shape, stream, raw, rows, into.columns / kGroupInputs, planes);
}

InputForm input_form(tensor::DType type) {
  require_q8(type);
  return InputForm::kBytes;
}

void linear(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool draft) {
  check(count <= kMaxProducts, Code::kInternal, "too many products of one input");
  ProductBatch batch{};
  batch.count = count;
  unsigned blocks = 0;
  for (int i = 0; i < count; i++) {
    const Product& product = products[i];
    require_q8(product.weights.type);
    batch.product[i] = {planes_of(product.weights), product.bias, product.y, product.weights.rows, blocks, product.accumulate};
    blocks += unsigned((product.weights.rows + kBlockOutputs - 1) / kBlockOutputs);
  }
  if (draft) launch_tiles<true>(stream, batch, blocks, inputs, rows);
  else launch_tiles<false>(stream, batch, blocks, inputs, rows);
}

}  // namespace ragdraft::ops::cuda
