// y = W x + bias, W dequantised row by row from the file's format.
#include <new>
#include <string>

#include "base/error.h"
#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {

RefMatrix::RefMatrix(const tensor::MatrixView& source) : type_(source.type) {
  check(source.rows > 0 && source.columns > 0, Code::kUnsupportedModel, "a weight matrix is empty");
  check(source.columns % tensor::info(source.type).block_elements == 0, Code::kUnsupportedModel,
        "the rows of a weight matrix are no whole number of quantisation blocks");
  rows = source.rows;
  columns = source.columns;
  bytes = size_t(rows) * tensor::row_bytes(type_, columns);
  try {
    data_.assign(source.data, source.data + bytes);
  } catch (const std::bad_alloc&) {
    throw Error(Code::kOutOfMemory, "no memory for a weight matrix of " + std::to_string(bytes) + " bytes");
  }
}

void linear(std::span<const LinearTask> tasks, const float* x, int rows) {
  std::vector<float> weights;  // one dequantised row
  for (const LinearTask& task : tasks) {
    const tensor::MatrixView matrix = static_cast<const RefMatrix*>(task.weight)->view();
    const size_t stride = tensor::row_bytes(matrix.type, matrix.columns);
    weights.resize(size_t(matrix.columns));
    for (int64_t o = 0; o < matrix.rows; o++) {
      tensor::dequantize_row(matrix.type, matrix.data + size_t(o) * stride, matrix.columns, weights.data());
      for (int r = 0; r < rows; r++) {
        const float* in = x + size_t(r) * size_t(matrix.columns);
        float& y = task.y[size_t(r) * size_t(matrix.rows) + size_t(o)];
        double sum = task.bias ? double(task.bias[o]) : 0.0;
        for (int64_t i = 0; i < matrix.columns; i++) sum += double(weights[size_t(i)]) * in[i];
        y = float(task.accumulate ? y + sum : sum);
      }
    }
  }
}

}  // namespace ragdraft::ops::ref
