// Products at Precision::kDraft without copies: Q8_0 by its upper four bits alone, every other type as at full precision.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"
#include "linear_products.h"
#include "ops/backend.h"
#include "random_matrix.h"
#include "tap.h"
#include "tier.h"

using namespace ragdraft;
using ops::LinearTask;
using ops::Precision;
using testing::all_backends;
using testing::DType;
using testing::multiply;
using testing::RandomMatrix;

namespace {

constexpr int kBlockBytes = 34;  // f16 scale, 32 signed bytes

// Output `output`'s weights as a draft has them: the middle of the values whose upper four bits are the quant's.
std::vector<double> draft_row(const RandomMatrix& m, int64_t output) {
  std::vector<double> weights;
  const std::byte* block = m.bytes.data() + size_t(output) * formats::row_bytes(m.type, m.columns);
  for (int64_t group = 0; group < m.columns / 32; ++group, block += kBlockBytes) {
    uint16_t half;
    std::memcpy(&half, block, sizeof half);
    for (int i = 0; i < 32; ++i) {
      const double lowest = 16 * std::floor(double(int8_t(block[2 + i])) / 16);  // of the sixteen
      weights.push_back(double(f16_to_f32(half)) * (lowest + 7.5));
    }
  }
  return weights;
}

// Round to nearest in blocks of 32. Q8_0: scale = largest magnitude / 127. Q4_0: scale = the largest in magnitude / -8.
RandomMatrix quantize(DType type, const std::vector<float>& weights, int64_t rows, int64_t columns) {
  RandomMatrix m{type, rows, columns, std::vector<std::byte>(size_t(rows) * formats::row_bytes(type, columns))};
  std::byte* out = m.bytes.data();
  for (const float* x = weights.data(); x != weights.data() + weights.size(); x += 32, out += formats::info(type).block_bytes) {
    float extreme = 0;
    for (int i = 0; i < 32; ++i)
      if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
    const float scale = type == DType::kQ8_0 ? std::fabs(extreme) / 127 : extreme / -8;
    const uint16_t half = f32_to_f16(scale);
    std::memcpy(out, &half, sizeof half);
    const auto level = [&](int i) { return std::min(15, int(std::floor(x[i] / scale + 8.5f))); };
    for (int i = 0; i < 32; ++i) {
      if (type == DType::kQ8_0) out[2 + i] = std::byte(int8_t(std::nearbyint(x[i] / scale)));
      else if (i < 16) out[2 + i] = std::byte(level(i) | level(i + 16) << 4);
    }
  }
  return m;
}

double rms_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return std::sqrt(sum / double(a.size()));
}

}  // namespace

TEST("a draft of Q8_0 is the product with the upper four bits: every instruction set, odd sizes, and the oracle") {
  struct Shape {
    int64_t outputs, columns;
  };
  constexpr int kRows = 5;
  for (const auto& backend : all_backends())
    for (const Shape shape : {Shape{1, 32}, {15, 96}, {17, 512}, {64, 896}, {33, 4352}}) {
      const RandomMatrix m = testing::random_matrix(DType::kQ8_0, shape.outputs, shape.columns, uint32_t(shape.columns));
      const std::vector<float> x = testing::random_floats(size_t(kRows * shape.columns), 3);
      const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), x.data(), kRows, Precision::kDraft);
      bool right = true;
      for (int r = 0; r < kRows; ++r) {
        const float* row = x.data() + r * shape.columns;
        std::vector<double> seen(row, row + shape.columns);
        if (backend->name() != "ref") seen = testing::quantized(row, shape.columns);
        for (int64_t i = 0; i < shape.outputs; ++i) {
          const std::vector<double> w = draft_row(m, i);
          double value = 0, magnitude = 0;  // f32 rounds the sums over groups, before their parts cancel: up to 128 scales each
          for (size_t k = 0; k < w.size(); ++k) {
            value += w[k] * seen[k];
            magnitude += std::fabs(w[k] * seen[k]);
          }
          right = right && std::fabs(double(y[size_t(r * shape.outputs + i)]) - value) <= magnitude * 0x1p-18;
        }
      }
      CHECK_MSG(right, backend->name() + " " + std::to_string(shape.outputs) + "x" + std::to_string(shape.columns));
    }
}

TEST("the lower four bits of Q8_0 change no bit of a draft, and every bit of the upper ones can") {
  const RandomMatrix m = testing::random_matrix(DType::kQ8_0, 20, 256, 1);
  RandomMatrix other_low = m, other_high = m;
  for (size_t at = 0; at < m.bytes.size(); ++at) {
    if (at % kBlockBytes < 2) continue;  // the scale
    other_low.bytes[at] ^= std::byte(1 + at % 15);
    other_high.bytes[at] ^= std::byte(16 << at % 4);
  }
  const std::vector<float> x = testing::random_floats(256, 2);
  for (const auto& backend : all_backends()) {
    const auto draft = [&](const RandomMatrix& matrix) {
      return multiply(*backend, *backend->pack(matrix.view()), x.data(), 1, Precision::kDraft);
    };
    CHECK_MSG(draft(m) == draft(other_low), backend->name());
    CHECK_MSG(draft(m) != draft(other_high), backend->name());
  }
}

TEST("a row's draft, of nested bits or a copy, is the same bits alone, among 1 to 17 or 70 rows, on 1, 2 or 3 threads") {
  constexpr int64_t kOutputs = 151, kColumns = 512;
  constexpr int kRows = 70;
  const std::vector<float> x = testing::random_floats(kRows * kColumns, 7);
  std::vector<int> counts = {kRows};
  for (int n = 1; n <= 17; ++n) counts.push_back(n);
  for (const std::string& isa : tier::isas())
    for (const DType type : {DType::kQ8_0, DType::kBF16}) {
      const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 11);
      std::vector<float> alone;
      for (const int threads : {1, 2, 3}) {
        const auto backend = ops::make_cpu_backend(threads, isa);
        const auto matrix = backend->pack(m.view());
        if (type == DType::kBF16) backend->add_draft_copy(*matrix, m.view());
        for (int r = 0; alone.size() < size_t(kRows * kOutputs); ++r) {
          const std::vector<float> y = multiply(*backend, *matrix, x.data() + r * kColumns, 1, Precision::kDraft);
          alone.insert(alone.end(), y.begin(), y.end());
        }
        for (const int n : counts) {
          const int first = (kRows - n) / 2;
          const std::vector<float> y = multiply(*backend, *matrix, x.data() + first * kColumns, n, Precision::kDraft);
          const bool same = std::memcmp(y.data(), alone.data() + first * kOutputs, y.size() * sizeof(float)) == 0;
          CHECK_MSG(same, isa + ", " + std::string(formats::info(type).name) + ", " + std::to_string(n) + " rows, " + std::to_string(threads) + " threads");
        }
      }
    }
}

TEST("types without a nested form draft at full precision and cost their full bytes; Q8_0 and Q5_0 cost half") {
  const std::vector<float> x = testing::random_floats(3 * 512, 1);
  for (const auto& backend : all_backends())
    for (const DType type : testing::kTypes) {
      const auto matrix = backend->pack(testing::random_matrix(type, 48, 512, 2).view());
      const bool same = multiply(*backend, *matrix, x.data(), 3, Precision::kDraft) == multiply(*backend, *matrix, x.data(), 3);
      const std::string name = backend->name() + " " + std::string(formats::info(type).name);
      const bool nested = formats::computed_as(type) == DType::kQ8_0;
      CHECK_MSG(same == !nested, name);
      const double share = double(matrix->draft_bytes) / double(matrix->bytes);
      CHECK_MSG(nested ? share > 0.5 && share < 0.54 : share == 1, name);
    }
}

TEST("tasks of one draft equal separate calls, with bias and accumulation after the sum") {
  constexpr int64_t kColumns = 256;
  constexpr int kRows = 13;
  const std::vector<float> x = testing::random_floats(kRows * kColumns, 1);
  for (const auto& backend : all_backends()) {
    if (backend->name() == "ref") continue;  // sums, bias and old value meet in f64 there
    const auto eight = backend->pack(testing::random_matrix(DType::kQ8_0, 40, kColumns, 2).view());
    const auto four = backend->pack(testing::random_matrix(DType::kQ4_K, 40, kColumns, 3).view());
    const std::vector<float> bias = testing::random_floats(40, 4), old = testing::random_floats(kRows * 40, 5);
    std::vector<float> y[3] = {old, old, old};
    const LinearTask tasks[] = {{eight.get(), bias.data(), y[0].data()},
                                {four.get(), nullptr, y[1].data()},
                                {eight.get(), nullptr, y[2].data(), true}};
    backend->linear(tasks, {x.data()}, kRows, Precision::kDraft);
    const std::vector<float> eights = multiply(*backend, *eight, x.data(), kRows, Precision::kDraft);
    bool right = y[1] == multiply(*backend, *four, x.data(), kRows, Precision::kDraft);
    for (size_t i = 0; i < old.size(); ++i) right = right && y[0][i] == eights[i] + bias[i % 40] && y[2][i] == old[i] + eights[i];
    CHECK_MSG(right, backend->name());
  }
}

// 16 even steps over a block's range against Q4_0's, of which the largest weight is a level: 3 % apart on normal weights. The inputs'
// mean shows whether a step counts as its middle: half a unit of the quant beside it, and the error grows by half.
TEST("a draft of normal weights errs at most 5 % more than Q4_0, rounded to nearest, whatever the inputs' mean") {
  constexpr int64_t kOutputs = 256, kColumns = 2048;
  const std::vector<float> weights = testing::random_floats(kOutputs * kColumns, 1);
  const formats::MatrixView f32{DType::kF32, kOutputs, kColumns, reinterpret_cast<const std::byte*>(weights.data())};
  const auto backend = ops::make_cpu_backend(2);
  const auto exact = backend->pack(f32), q8 = backend->pack(quantize(DType::kQ8_0, weights, kOutputs, kColumns).view()),
             q4 = backend->pack(quantize(DType::kQ4_0, weights, kOutputs, kColumns).view());
  for (const float mean : {0.0f, 0.3f, -0.3f}) {
    std::vector<float> x = testing::random_floats(16 * kColumns, 2);
    for (float& value : x) value += mean;
    const std::vector<float> truth = multiply(*backend, *exact, x.data(), 16);
    const double draft = rms_difference(multiply(*backend, *q8, x.data(), 16, Precision::kDraft), truth);
    const double nearest = rms_difference(multiply(*backend, *q4, x.data(), 16), truth);
    const double full = rms_difference(multiply(*backend, *q8, x.data(), 16), truth);
    const std::string what = "mean " + std::to_string(mean) + ": draft " + std::to_string(draft) + ", Q4_0 " + std::to_string(nearest);
    CHECK_MSG(draft <= 1.05 * nearest && full < draft / 5, what);
  }
}

TEST("a NaN or an infinity of the input shows in every output of its row of a draft, and in no other row") {
  constexpr int64_t kOutputs = 20, kColumns = 256;
  const RandomMatrix m = testing::random_matrix(DType::kQ8_0, kOutputs, kColumns, 21);
  for (const std::string& isa : tier::isas())
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      const auto backend = ops::make_cpu_backend(1, isa);
      std::vector<float> x = testing::random_floats(3 * kColumns, 22);
      x[kColumns + 77] = bad;
      const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), x.data(), 3, Precision::kDraft);
      bool right = true;
      for (int64_t i = 0; i < 3 * kOutputs; ++i) right = right && std::isfinite(y[size_t(i)]) == (i / kOutputs != 1);
      CHECK_MSG(right, isa);
    }
}
