#include "ops/cuda/kernels/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/half.h"
#include "device_array.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::InputForm;
using ops::cuda::Product;
using testing::DeviceArray;
using testing::DType;
using testing::RandomMatrix;

namespace {

constexpr int kQ8Bytes = 34, kGroup = 32;

// Packed in runs, as a matrix larger than the staging memory is.
class PackedMatrix {
 public:
  explicit PackedMatrix(const RandomMatrix& m)
      : memory_(ops::cuda::packed_bytes(m.type, m.rows, m.columns)),
        weights{m.type, m.rows, m.columns, reinterpret_cast<uint8_t*>(memory_.get())} {
    gpu::Stream stream;
    const int64_t stride = int64_t(tensor::row_bytes(m.type, m.columns));
    for (int64_t first = 0; first < m.rows; first += ops::cuda::kPackRows) {
      const int64_t rows = std::min<int64_t>(ops::cuda::kPackRows, m.rows - first);
      const DeviceArray<std::byte> raw(std::vector<std::byte>(m.bytes.begin() + first * stride, m.bytes.begin() + (first + rows) * stride));
      ops::cuda::pack(stream, reinterpret_cast<const uint8_t*>(raw.get()), first, rows, weights);
      stream.synchronize();
    }
  }

 private:
  const DeviceArray<std::byte> memory_;

 public:
  const ops::cuda::Weights weights;
};

// products[i].y = their weights times the first `rows` rows of x.
void multiply(gpu::Stream& stream, const std::vector<Product>& products, const float* x, int rows, bool draft) {
  const int64_t columns = products[0].weights.columns;
  const DeviceArray<float> values(std::vector<float>(x, x + rows * columns));
  const DeviceArray<std::byte> memory(ops::cuda::input_bytes(InputForm::kBytes, rows, columns));
  const ops::cuda::Inputs inputs = ops::cuda::place_inputs(InputForm::kBytes, rows, columns, memory.get());
  ops::cuda::make_inputs(stream, {ops::cuda::RowSource::Kind::kPlain, values.get(), nullptr, 0, nullptr}, rows, inputs);
  ops::cuda::linear(stream, products.data(), int(products.size()), inputs, rows, draft);
  stream.synchronize();
}

std::vector<float> product_of(const PackedMatrix& m, const std::vector<float>& x, int rows, bool draft) {
  gpu::Stream stream;
  const DeviceArray<float> y(size_t(rows) * size_t(m.weights.rows));
  multiply(stream, {{m.weights, nullptr, y.get(), false}}, x.data(), rows, draft);
  return y.read(stream);
}

struct Exact {
  double sum, magnitude;  // magnitude: sum of the terms' absolute values, one term a group
};
// Of an output and a row of x, made bytes by the law that inputs_test.cc checks.
Exact exact_product(const RandomMatrix& m, int64_t output, const float* x, bool draft) {
  Exact result{};
  for (int64_t group = 0; group < m.columns / kGroup; group++, x += kGroup) {
    const std::byte* block = m.bytes.data() + (output * (m.columns / kGroup) + group) * kQ8Bytes;
    uint16_t scale;
    std::memcpy(&scale, block, sizeof scale);
    float largest = 0;
    for (int k = 0; k < kGroup; k++) largest = std::max(largest, std::fabs(x[k]));
    double dot = 0;
    for (int k = 0; k < kGroup; k++) {
      const int quant = int(int8_t(block[2 + k]));
      dot += (draft ? (quant + 128) / 16 * 16 - 120.5 : quant) * std::nearbyint(x[k] * (127.0f / largest));
    }
    const double term = dot * double(f16_to_f32(scale)) * double(largest / 127.0f);
    result.sum += term;
    result.magnitude += std::fabs(term);
  }
  return result;
}

bool same_bits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

}  // namespace

TEST("Q8_0 products agree with f64 sums of the same bytes, in full and by their upper halves, in every order") {
  constexpr int kRows = 19;
  for (const auto& [outputs, groups] : {std::pair<int64_t, int64_t>{150, 9}, {32, 2}, {7, 1}, {48, 36}}) {
    const RandomMatrix m = testing::random_matrix(DType::kQ8_0, outputs, groups * kGroup, uint32_t(outputs));
    const std::vector<float> x = testing::random_floats(size_t(kRows * m.columns), 1);
    // A product of scales and one fma a group, two roundings each; the sums of eight warps.
    const double tolerance = double(groups + 12) * std::ldexp(1.0, -24);
    testing::for_all_orders([&, outputs = outputs](const std::string& order) {
      const PackedMatrix packed(m);
      for (const bool draft : {false, true}) {
        const std::vector<float> y = product_of(packed, x, kRows, draft);
        int wrong = 0;
        for (int r = 0; r < kRows; r++)
          for (int64_t o = 0; o < outputs; o++) {
            const Exact expected = exact_product(m, o, x.data() + r * m.columns, draft);
            wrong += !(std::fabs(double(y[size_t(r * outputs + o)]) - expected.sum) <= tolerance * expected.magnitude);
          }
        CHECK_MSG(wrong == 0, order + (draft ? " draft " : " full ") + std::to_string(outputs) + " outputs: " + std::to_string(wrong));
      }
    });
  }
}

TEST("a row's bits do not depend on the rows beside it: 1 to 17 rows, and 40 in blocks of 24") {
  constexpr int kRows = 40;
  const RandomMatrix m = testing::random_matrix(DType::kQ8_0, 70, 23 * kGroup, 2);
  const std::vector<float> x = testing::random_floats(size_t(kRows * m.columns), 3);
  const PackedMatrix packed(m);
  for (const bool draft : {false, true}) {
    const std::vector<float> all = product_of(packed, x, kRows, draft);
    for (int rows = 1; rows <= 17; rows++)
      CHECK_MSG(same_bits(product_of(packed, x, rows, draft).data(), all.data(), size_t(rows * m.rows)), std::to_string(rows));
    const std::vector<float> last(x.end() - m.columns, x.end());
    CHECK(same_bits(product_of(packed, last, 1, draft).data(), all.data() + (kRows - 1) * m.rows, size_t(m.rows)));
  }
}

TEST("products of one launch are those of their own; bias is added, then what accumulates") {
  constexpr int kRows = 5;
  constexpr int64_t kColumns = 5 * kGroup;
  const std::vector<float> x = testing::random_floats(kRows * kColumns, 4), bias = testing::random_floats(33, 5);
  const DeviceArray<float> device_bias(bias);
  std::vector<RandomMatrix> matrices;
  for (const int64_t outputs : {100, 33, 1}) matrices.push_back(testing::random_matrix(DType::kQ8_0, outputs, kColumns, uint32_t(outputs)));
  const PackedMatrix first(matrices[0]), second(matrices[1]), third(matrices[2]);
  const std::vector<float> before = testing::random_floats(kRows * 33, 6);
  testing::for_all_orders([&](const std::string& order) {
    gpu::Stream stream;
    const DeviceArray<float> y1(kRows * 100), y2(before), y3(kRows);
    const std::vector<Product> products = {{first.weights, nullptr, y1.get(), false},
                                           {second.weights, device_bias.get(), y2.get(), true},
                                           {third.weights, nullptr, y3.get(), false}};
    multiply(stream, products, x.data(), kRows, false);
    CHECK_MSG(same_bits(y1.read(stream).data(), product_of(first, x, kRows, false).data(), kRows * 100), order);
    CHECK_MSG(same_bits(y3.read(stream).data(), product_of(third, x, kRows, false).data(), kRows), order);
    std::vector<float> expected = product_of(second, x, kRows, false);
    for (size_t i = 0; i < expected.size(); i++) expected[i] = before[i] + (expected[i] + bias[i % 33]);
    CHECK_MSG(same_bits(y2.read(stream).data(), expected.data(), expected.size()), order);
  });
}

TEST("an input that is not finite shows in every output of its row, and in no other row") {
  constexpr int kRows = 3;
  const RandomMatrix m = testing::random_matrix(DType::kQ8_0, 40, 4 * kGroup, 7);
  const PackedMatrix packed(m);
  const std::vector<float> clean = testing::random_floats(size_t(kRows * m.columns), 8);
  std::vector<float> x = clean;
  x[size_t(m.columns + 50)] = std::numeric_limits<float>::infinity();
  const std::vector<float> got = product_of(packed, x, kRows, false), expected = product_of(packed, clean, kRows, false);
  for (size_t i = 0; i < got.size(); i++) CHECK(i / 40 == 1 ? std::isnan(got[i]) : got[i] == expected[i]);
}

TEST("packed weights take the bytes of the file, draft products read 18 of 34; other integer types are refused") {
  CHECK(ops::cuda::packed_bytes(DType::kQ8_0, 4096, 4096) == tensor::row_bytes(DType::kQ8_0, 4096) * 4096);
  CHECK(ops::cuda::packed_draft_bytes(DType::kQ8_0, 4096, 4096) == size_t{4096} * 4096 / 32 * 18);
  for (const DType type : testing::kTypes) {
    if (type == DType::kQ8_0 || !testing::is_integer(type)) continue;
    Code code = Code::kInternal;
    try {
      ops::cuda::packed_bytes(type, 256, 256);
    } catch (const Error& e) {
      code = e.code();
    }
    CHECK(code == Code::kUnsupportedModel);
  }
}
