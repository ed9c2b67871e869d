// Packed matrices and their products on the device, for tests of linear.h.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "device_array.h"
#include "ops/cuda/kernels/linear/linear.h"
#include "random_matrix.h"

namespace testing {

// Packed in runs, as a matrix larger than the staging memory is.
class PackedMatrix {
 public:
  explicit PackedMatrix(const RandomMatrix& m)
      : memory_(ragdraft::ops::cuda::packed_bytes(m.type, m.rows, m.columns)),
        weights{m.type, m.rows, m.columns, reinterpret_cast<uint8_t*>(memory_.get())} {
    ragdraft::gpu::Stream stream;
    const int64_t stride = int64_t(ragdraft::formats::row_bytes(m.type, m.columns));
    constexpr int64_t kRun = ragdraft::ops::cuda::kPackRows;
    for (int64_t first = 0; first < m.rows; first += kRun) {
      const int64_t rows = std::min(kRun, m.rows - first);
      const DeviceArray<std::byte> raw(std::vector<std::byte>(m.bytes.begin() + first * stride, m.bytes.begin() + (first + rows) * stride));
      ragdraft::ops::cuda::pack(stream, reinterpret_cast<const uint8_t*>(raw.get()), first, rows, weights);
      stream.synchronize();
    }
  }

 private:
  const DeviceArray<std::byte> memory_;

 public:
  const ragdraft::ops::cuda::DeviceMatrix weights;
};

// products[i].y = their weights times the first `rows` rows of x.
inline void multiply(ragdraft::gpu::Stream& stream, const std::vector<ragdraft::ops::cuda::Product>& products, const float* x, int rows,
                     bool draft) {
  namespace cuda = ragdraft::ops::cuda;
  const int64_t columns = products[0].weights.columns;
  const cuda::InputForm form = cuda::input_form(products[0].weights.type);
  const DeviceArray<float> values(std::vector<float>(x, x + rows * columns));
  const DeviceArray<std::byte> memory(cuda::input_bytes(form, rows, columns));
  const cuda::Inputs inputs = cuda::place_inputs(form, rows, columns, memory.get());
  cuda::make_inputs(stream, {cuda::RowSource::Kind::kPlain, values.get(), nullptr, 0, nullptr}, rows, inputs);
  cuda::linear(stream, products.data(), int(products.size()), inputs, rows, draft);
  stream.synchronize();
}

inline std::vector<float> product_of(const PackedMatrix& m, const std::vector<float>& x, int rows, bool draft = false) {
  ragdraft::gpu::Stream stream;
  const DeviceArray<float> y(size_t(rows) * size_t(m.weights.rows));
  multiply(stream, {{m.weights, nullptr, y.get(), false}}, x.data(), rows, draft);
  return y.read(stream);
}

// Rows of x, each of `columns`, in this order.
inline std::vector<float> rows_of(const std::vector<float>& x, int64_t columns, const std::vector<int>& rows) {
  std::vector<float> chosen;
  for (const int row : rows) chosen.insert(chosen.end(), x.begin() + row * columns, x.begin() + (row + 1) * columns);
  return chosen;
}

inline bool same_bits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

}  // namespace testing
