// From a Format of linear.cuh to what linear_format.h asks for. A Format also has
//   pack(raw, strip, pair, lane, planes, tile)   on the device: a lane's share of a tile; strip: of the run, tile: of the matrix
#pragma once
#include <algorithm>

#include "ops/cuda/kernels/linear/linear_tiles.cuh"

namespace ragdraft::ops::cuda {

inline constexpr int kPackThreads = 256;

// More rows than this are a prefill's. Up to here blocks of 24 rows fill the device better, and read few weights twice.
inline constexpr int kFewRows = 64;
// Products of fewer outputs give a device of 100 to 200 multiprocessors too few blocks of 32.
inline constexpr int64_t kFewOutputs = 8192;

// Of the run's matrix of `rows` rows as the file stores them.
struct RawRows {
  const uint8_t* data;
  int64_t rows, columns;
};

// A thread packs a lane's share of one tile. Grid: x = pieces of kPackThreads of the pairs' lanes, y = strips of the run.
template <class Format>
__global__ void pack_kernel(RawRows raw, int64_t first_strip, int64_t pairs, typename Format::Planes into) {
  const int64_t at = int64_t(blockIdx.x) * kPackThreads + threadIdx.x, pair = at / 32;
  if (pair >= pairs) return;
  Format::pack(raw, blockIdx.y, pair, int(at % 32), into, (first_strip + blockIdx.y) * pairs + pair);
}

template <class Format>
size_t planes_bytes(int64_t rows, int64_t columns) {
  PlanePlacer placer(nullptr);
  Format::place(placer, tile_shape(rows, columns));
  return placer.size();
}

template <class Format>
typename Format::Planes planes_of(const DeviceMatrix& weights) {
  PlanePlacer placer(weights.data);
  return Format::place(placer, tile_shape(weights.rows, weights.columns));
}

template <class Format>
void pack_rows(gpu::Stream& stream, const uint8_t* raw, int64_t first_row, int64_t rows, const DeviceMatrix& into) {
  const TileShape run = tile_shape(rows, into.columns);
  const gpu::Shape shape{dim3(unsigned((run.pairs * 32 + kPackThreads - 1) / kPackThreads), unsigned(run.strips)), dim3(kPackThreads)};
  gpu::launch(pack_kernel<Format>, shape, stream, RawRows{raw, rows, into.columns}, first_row / kStripOutputs, run.pairs,
              planes_of<Format>(into));
}

// Fills in the products; returns how many blocks of so many outputs they take.
template <class Format>
unsigned place_products(const Product* products, int count, int block_outputs, ProductBatch<Format>& batch) {
  batch.count = count;
  unsigned blocks = 0;
  for (int i = 0; i < count; i++) {
    const Product& product = products[i];
    batch.product[i] = {planes_of<Format>(product.weights), product.bias, product.y, product.weights.rows, blocks, product.accumulate};
    blocks += unsigned((product.weights.rows + block_outputs - 1) / block_outputs);
  }
  return blocks;
}

inline bool has_few_outputs(const Product* products, int count) {
  int64_t outputs = 0;
  for (int i = 0; i < count; i++) outputs += products[i].weights.rows;
  return outputs < kFewOutputs;
}

template <class Format>
void multiply_many_rows(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows) {
  ProductBatch<Format> batch{};
  const unsigned blocks = place_products(products, count, kManyOutputs, batch);
  const gpu::Shape shape{dim3(unsigned((rows + kManyRows - 1) / kManyRows), blocks), dim3(kLinearThreads), kManySharedBytes};
  gpu::launch(linear_tiles_kernel<Format>, shape, stream, batch, inputs, rows);
}

template <class Format, int kStrips>
void multiply_few_rows(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows) {
  ProductBatch<Format> batch{};
  const unsigned blocks = place_products(products, count, kStrips * kStripOutputs, batch);
  const int tiles = (rows + kTileRows - 1) / kTileRows, per_block = std::min(tiles, kMaxTiles);
  const gpu::Shape shape{dim3(unsigned((tiles + per_block - 1) / per_block), blocks), dim3(kLinearThreads)};
  const auto run = [&](auto kernel) { gpu::launch(kernel, shape, stream, batch, inputs, rows); };
  switch (per_block) {
    case 1: return run(linear_kernel<Format, kStrips, 1>);
    case 2: return run(linear_kernel<Format, kStrips, 2>);
    default: return run(linear_kernel<Format, kStrips, kMaxTiles>);
  }
}

// The chain of an output is the same in all kernels.
template <class Format>
void multiply(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows) {
  if (rows > kFewRows) multiply_many_rows<Format>(stream, products, count, inputs, rows);
  else if (has_few_outputs(products, count)) multiply_few_rows<Format, 1>(stream, products, count, inputs, rows);
  else multiply_few_rows<Format, 2>(stream, products, count, inputs, rows);
}

// Draft: what a product at draft precision reads of the planes of Full.
template <class Full, class Draft = Full>
constexpr LinearFormat byte_format() {
  return {InputForm::kBytes, planes_bytes<Full>, planes_bytes<Draft>, pack_rows<Full>,
          [](gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool draft) {
            (draft ? multiply<Draft> : multiply<Full>)(stream, products, count, inputs, rows);
          }};
}

}  // namespace ragdraft::ops::cuda
