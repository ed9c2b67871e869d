// Products of F32, F16 and BF16 weights: against the oracle and exact sums, and row against row.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"
#include "linear_fixture.h"
#include "ops/ref/ref.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::InputForm;
using ops::cuda::Product;
using testing::DeviceArray;
using testing::DType;
using testing::PackedMatrix;
using testing::product_of;
using testing::RandomMatrix;
using testing::rows_of;
using testing::same_bits;

namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF16, DType::kBF16};
std::string name_of(DType type) { return std::string(formats::info(type).name); }

// What the inputs of a row become (inputs_test.cc).
std::vector<double> rounded_inputs(DType type, const float* x, int64_t columns) {
  std::vector<double> rounded(x, x + columns);
  if (type == DType::kBF16)
    for (double& value : rounded) value = bf16_to_f32(f32_to_bf16(float(value)));
  if (type == DType::kF16) {
    double largest = 0;
    for (const double value : rounded) largest = std::max(largest, std::fabs(value));
    const double factor = std::exp2(14 - std::floor(std::log2(largest)));
    for (double& value : rounded) value = f16_to_f32(f32_to_f16(float(value * factor))) / factor;
  }
  return rounded;
}
// The most that rounding changes an input by, of its size.
double input_rounding(DType type) { return type == DType::kF32 ? 0 : std::ldexp(1.0, type == DType::kF16 ? -11 : -8); }

std::vector<float> reference(const RandomMatrix& m, const std::vector<float>& x, int rows) {
  const ops::ref::RefMatrix matrix(m.view());
  std::vector<float> y(size_t(rows) * size_t(m.rows));
  const ops::LinearTask task{&matrix, nullptr, y.data(), false};
  ops::LinearInput input{};
  input.values = x.data();
  ops::ref::linear({&task, 1}, input, rows, ops::Precision::kFull);
  return y;
}

}  // namespace

namespace {
struct TestShape {
  int64_t outputs, columns;
  int rows;
};
constexpr TestShape kShapes[] = {{150, 200, 19}, {150, 200, 70}, {32, 64, 3}, {7, 33, 1}, {17, 1100, 11}, {5, 1, 9}};
}  // namespace

TEST("float products agree with f64 sums of the rounded inputs and with the oracle, for few rows and for many, in every order") {
  for (const DType type : kFloats)
    for (const auto& [outputs, columns, rows] : kShapes) {
      const RandomMatrix m = testing::random_matrix(type, outputs, columns, uint32_t(outputs));
      const std::vector<float> x = testing::random_floats(size_t(rows * columns), 1), oracle = reference(m, x, rows);
      // An mma adds 16 products and a sum with no fewer than 23 bits below the largest; a range has an eighth of them; eight sums follow.
      // F32: fewer additions of half a unit each.
      const double tolerance = (17.0 * (double(columns) / 16 / 8 + 2) + 8) * std::ldexp(1.0, -23);
      testing::for_all_orders([&, outputs = outputs, columns = columns, rows = rows](const std::string& order) {
        const std::vector<float> y = product_of(PackedMatrix(m), x, rows);
        int wrong = 0, far = 0;
        for (int64_t o = 0; o < outputs; o++) {
          const std::vector<float> weights = m.row(o);
          for (int r = 0; r < rows; r++) {
            const std::vector<double> inputs = rounded_inputs(type, x.data() + r * columns, columns);
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < inputs.size(); i++) {
              const double term = double(weights[i]) * inputs[i];
              sum += term;
              magnitude += std::fabs(term);
            }
            const size_t at = size_t(r * outputs + o);
            wrong += !(std::fabs(double(y[at]) - sum) <= tolerance * magnitude);
            far += !(std::fabs(double(y[at]) - double(oracle[at])) <= (tolerance + 1.01 * input_rounding(type)) * magnitude);
          }
        }
        const std::string where = name_of(type) + ' ' + order + ' ' + std::to_string(outputs) + " x " + std::to_string(columns);
        CHECK_MSG(wrong == 0 && far == 0, where + ": " + std::to_string(wrong) + ", " + std::to_string(far));
      });
    }
}

TEST("each weight meets its input: the products with unit vectors are the weights") {
  constexpr int64_t kOutputs = 150, kColumns = 100;
  std::vector<float> units(size_t(kColumns * kColumns));
  for (int64_t i = 0; i < kColumns; i++) units[size_t(i * kColumns + i)] = 1;
  for (const DType type : kFloats) {
    const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 2);
    const PackedMatrix packed(m);
    for (const int rows : {20, int(kColumns)}) {
      const std::vector<float> y = product_of(packed, units, rows);
      int wrong = 0;
      for (int64_t o = 0; o < kOutputs; o++) {
        const std::vector<float> weights = m.row(o);
        for (int r = 0; r < rows; r++) wrong += y[size_t(r * kOutputs + o)] != weights[size_t(r)];
      }
      CHECK_MSG(wrong == 0, name_of(type) + ": " + std::to_string(wrong));
    }
  }
}

TEST("a row's bits do not depend on the rows beside it: 1 to 24, 33, 64, 65 and 256 rows, in other places and alone") {
  constexpr int kRows = 256;
  constexpr int64_t kOutputs = 70, kColumns = 19 * 32 + 5;
  const std::vector<float> x = testing::random_floats(size_t(kRows * kColumns), 3);
  for (const DType type : kFloats) {
    const PackedMatrix packed(testing::random_matrix(type, kOutputs, kColumns, 4));
    const std::vector<float> all = product_of(packed, x, kRows);
    std::vector<int> counts = {33, 64, 65};
    for (int rows = 1; rows <= 24; rows++) counts.push_back(rows);
    for (const int rows : counts)
      CHECK_MSG(same_bits(product_of(packed, x, rows).data(), all.data(), size_t(rows * kOutputs)), name_of(type) + std::to_string(rows));
    for (const auto& chosen : {std::vector<int>{255}, {200, 3, 77}, {8, 0, 255, 9, 130, 131, 132, 133, 134, 17, 5}}) {
      const std::vector<float> y = product_of(packed, rows_of(x, kColumns, chosen), int(chosen.size()));
      for (size_t i = 0; i < chosen.size(); i++)
        CHECK_MSG(same_bits(y.data() + i * kOutputs, all.data() + chosen[i] * kOutputs, kOutputs), name_of(type) + std::to_string(chosen[i]));
    }
  }
}

TEST("products of one launch are those of their own, whatever blocks they get; bias is added, then what accumulates") {
  constexpr int64_t kColumns = 9 * 32 + 3, kMany = 8200;
  for (const DType type : {DType::kF16, DType::kBF16, DType::kF32})
    for (const int rows : {5, 70}) {
      const int64_t outputs = rows == 5 ? kMany : 100;
      const std::vector<float> x = testing::random_floats(size_t(rows * kColumns), 5), bias = testing::random_floats(33, 6);
      const std::vector<float> before = testing::random_floats(size_t(rows * 33), 7);
      const DeviceArray<float> device_bias(bias);
      const PackedMatrix first(testing::random_matrix(type, outputs, kColumns, 8));
      const PackedMatrix second(testing::random_matrix(type, 33, kColumns, 9));
      const PackedMatrix third(testing::random_matrix(type, 1, kColumns, 10));
      const std::vector<float> alone = product_of(first, x, rows), last = product_of(third, x, rows);
      std::vector<float> expected = product_of(second, x, rows);
      for (size_t i = 0; i < expected.size(); i++) expected[i] = before[i] + (expected[i] + bias[i % 33]);
      testing::for_all_orders([&](const std::string& order) {
        gpu::Stream stream;
        const DeviceArray<float> y1(alone.size()), y2(before), y3(last.size());
        const std::vector<Product> products = {{first.weights, nullptr, y1.get(), false},
                                               {second.weights, device_bias.get(), y2.get(), true},
                                               {third.weights, nullptr, y3.get(), false}};
        testing::multiply(stream, products, x.data(), rows, false);
        CHECK_MSG(same_bits(y1.read(stream).data(), alone.data(), alone.size()), name_of(type) + ' ' + order);
        CHECK_MSG(same_bits(y2.read(stream).data(), expected.data(), expected.size()), name_of(type) + ' ' + order);
        CHECK_MSG(same_bits(y3.read(stream).data(), last.data(), last.size()), name_of(type) + ' ' + order);
      });
    }
}

TEST("a row whose numbers are not finite, or far from 1, changes no other row; float weights") {
  constexpr int64_t kOutputs = 40, kColumns = 130;
  for (const DType type : kFloats)
    for (const int rows : {4, 66}) {
      const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 11);
      const PackedMatrix packed(m);
      const std::vector<float> clean = testing::random_floats(size_t(rows * kColumns), 12), expected = product_of(packed, clean, rows);
      for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
        std::vector<float> x = clean;
        x[size_t(kColumns + 50)] = bad;
        const std::vector<float> got = product_of(packed, x, rows);
        for (size_t i = 0; i < got.size(); i++) CHECK(i / kOutputs == 1 ? !std::isfinite(got[i]) : got[i] == expected[i]);
      }
      // Powers of two pass through every rounding.
      std::vector<float> x = clean;
      for (int64_t i = 0; i < kColumns; i++) {
        x[size_t(kColumns + i)] *= 0x1p70f;
        x[size_t(2 * kColumns + i)] *= 0x1p-70f;
      }
      const std::vector<float> got = product_of(packed, x, rows);
      for (size_t i = 0; i < got.size(); i++)
        CHECK(got[i] == expected[i] * (i / kOutputs == 1 ? 0x1p70f : i / kOutputs == 2 ? 0x1p-70f : 1.0f));
    }
}

TEST("packed float weights take the bytes of the file, drafts read all of them; each type has its form of inputs") {
  for (const DType type : kFloats) {
    CHECK(ops::cuda::packed_bytes(type, 4096, 4096) == formats::row_bytes(type, 4096) * 4096);
    CHECK(ops::cuda::packed_draft_bytes(type, 4096, 4096) == ops::cuda::packed_bytes(type, 4096, 4096));
    const PackedMatrix packed(testing::random_matrix(type, 20, 64, 13));
    const std::vector<float> x = testing::random_floats(3 * 64, 14);
    CHECK(same_bits(product_of(packed, x, 3, true).data(), product_of(packed, x, 3, false).data(), 60));
  }
  CHECK(ops::cuda::input_form(DType::kF32) == InputForm::kF32);
  CHECK(ops::cuda::input_form(DType::kF16) == InputForm::kF16);
  CHECK(ops::cuda::input_form(DType::kBF16) == InputForm::kBF16);
}
