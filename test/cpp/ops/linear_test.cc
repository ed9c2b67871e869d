#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "linear_products.h"
#include "ops/backend.h"
#include "random_matrix.h"
#include "tap.h"
#include "tier.h"

using namespace ragdraft;
using ops::LinearTask;
using ops::Precision;
using testing::DType;
using testing::multiply;
using testing::RandomMatrix;

namespace {

std::string label(const std::string& isa, const RandomMatrix& m, int rows, int threads) {
  return isa + " " + std::string(formats::info(m.type).name) + " " + std::to_string(m.rows) + "x" + std::to_string(m.columns) + ", " +
         std::to_string(rows) + " rows, " + std::to_string(threads) + " threads";
}

// Products in f64 of dequantised weights, and what an f32 kernel may differ by.
//   integer formats: the quantised inputs are exact in both, so only the f32 sums over groups differ: about one rounding
//     (2^-24) a group of the running sum, which is at most (largest weight of the group) * sum |x|. A wrong bit of a weight
//     is worth 1/255 of one of `columns` terms and shows against 2^-20.
//   float formats: one rounding a term; they add up like a random walk, 4 sigma: 4 sqrt(columns) 2^-24 of sum |w x|. Inputs of
//     products of bf16 are rounded before, which is the same in both.
enum class Inputs { kExact, kBytes, kBf16 };

struct Oracle {
  double value = 0, tolerance = 0;
  double unquantized = 0, quantization = 0;  // with the inputs as given, and half a step of each that was rounded
};

Oracle product(const RandomMatrix& m, int64_t output, const float* x, Inputs inputs) {
  const std::vector<float> w = m.row(output);
  const bool integer = inputs == Inputs::kBytes;
  const std::vector<double> exact(x, x + m.columns);
  const std::vector<double> seen = integer                     ? testing::quantized(x, m.columns)
                                   : inputs == Inputs::kBf16 ? testing::rounded_to_bf16(x, m.columns)
                                                               : exact;
  Oracle oracle;
  const int64_t step = integer ? 32 : 1;
  for (int64_t group = 0; group < m.columns; group += step) {
    double largest = 0, sum = 0, largest_input = 0, weights = 0;
    for (int64_t k = group; k < group + step; ++k) {
      const double weight = double(w[size_t(k)]);
      oracle.value += weight * seen[size_t(k)];
      oracle.unquantized += weight * exact[size_t(k)];
      largest = std::max(largest, std::fabs(weight));
      sum += std::fabs(seen[size_t(k)]);
      largest_input = std::max(largest_input, std::fabs(exact[size_t(k)]));
      weights += std::fabs(weight);
    }
    oracle.tolerance += largest * sum;
    if (integer) oracle.quantization += weights * std::max(largest_input / 127 / 2, 1e-30);  // below 1e-30 inputs count as zero
    if (inputs == Inputs::kBf16) oracle.quantization += weights * std::ldexp(largest_input, -8);
  }
  oracle.tolerance *= integer ? std::ldexp(1.0, -20) : std::ldexp(4 * std::sqrt(double(m.columns)) + 8, -24);
  return oracle;
}

// Checks every output of every row; one failure a matrix.
void check_against_oracle(const std::string& isa, const RandomMatrix& m, const std::vector<float>& x, int rows, int threads) {
  const auto backend = ops::make_cpu_backend(threads, isa);
  const auto matrix = backend->pack(m.view());
  const std::vector<float> y = multiply(*backend, *matrix, x.data(), rows);
  const Inputs inputs = testing::is_integer(m.type)                                        ? Inputs::kBytes
                        : m.type == DType::kBF16 && testing::rounds_to_bf16(*backend) ? Inputs::kBf16
                                                                                           : Inputs::kExact;
  std::string worst;
  for (int r = 0; r < rows; ++r)
    for (int64_t i = 0; i < m.rows; ++i) {
      const Oracle oracle = product(m, i, x.data() + r * m.columns, inputs);
      const double got = double(y[size_t(r * m.rows + i)]);
      const bool right = std::fabs(got - oracle.value) <= oracle.tolerance;
      const bool near = std::fabs(got - oracle.unquantized) <= oracle.tolerance + 1.001 * oracle.quantization;
      if (!(right && near))
        worst = "[" + std::to_string(r) + ", " + std::to_string(i) + "] = " + std::to_string(got) + ", not " + std::to_string(oracle.value);
    }
  CHECK_MSG(worst.empty(), label(isa, m, rows, threads) + " " + worst);
}

}  // namespace

TEST("linear agrees with dequantised weights in f64: every type, instruction set, odd sizes, threads") {
  struct Shape {
    int64_t outputs, columns;
  };
  const Shape any[] = {{1, 256}, {15, 512}, {16, 256}, {17, 768}, {33, 256}, {40, 2048}, {3, 4352}, {21, 2816}};
  const Shape blocks_of_32[] = {{16, 32}, {31, 96}, {5, 160}, {64, 896}};
  const Shape floats_only[] = {{16, 1}, {3, 7}, {20, 33}};
  for (const std::string& isa : tier::isas()) {
    int threads = 0;
    const auto run = [&](DType type, Shape shape) {
      threads = threads % 3 + 1;
      const int rows = int(shape.outputs) % 3 == 0 ? 3 : 11;
      const RandomMatrix m = testing::random_matrix(type, shape.outputs, shape.columns, uint32_t(shape.columns));
      check_against_oracle(isa, m, testing::random_floats(size_t(rows * shape.columns), 5), rows, threads);
    };
    for (const DType type : testing::kTypes) {
      for (const Shape shape : any) run(type, shape);
      if (formats::info(type).block_elements <= 32)
        for (const Shape shape : blocks_of_32) run(type, shape);
      if (formats::info(type).block_elements == 1)
        for (const Shape shape : floats_only) run(type, shape);
    }
  }
}

TEST("products with BF16 weights round their inputs in the tiers of bf16 products, in no other") {
  for (const std::string& isa : tier::isas()) {
    const bool rounds = testing::rounds_to_bf16(*ops::make_cpu_backend(1, isa));
    if (isa == "avx512bf16") continue;  // depends on whose processor it is
    CHECK_MSG(rounds == isa.starts_with("amx"), isa);
  }
}

TEST("every f16 and bf16 value comes through unchanged; to products of bf16 a subnormal one is 0") {
  constexpr int64_t kValues = 1 << 16;
  const float one = 1.0f;
  for (const std::string& isa : tier::isas())
    for (const DType type : {DType::kF16, DType::kBF16}) {
      RandomMatrix m{type, kValues, 1, std::vector<std::byte>(2 * kValues)};
      for (uint32_t i = 0; i < kValues; ++i) m.bytes[2 * i] = std::byte(i & 255), m.bytes[2 * i + 1] = std::byte(i >> 8);
      const auto backend = ops::make_cpu_backend(1, isa);
      const bool subnormals_count = type == DType::kF16 || !testing::rounds_to_bf16(*backend);
      const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), &one, 1);
      int64_t wrong = 0;
      for (int64_t i = 0; i < kValues; ++i) {
        const float value = m.row(i)[0], expected = subnormals_count || std::fpclassify(value) != FP_SUBNORMAL ? value : 0.0f;
        wrong += std::isnan(expected) ? !std::isnan(y[size_t(i)]) : y[size_t(i)] != expected;
      }
      CHECK_MSG(wrong == 0, label(isa, m, 1, 1));
    }
}

namespace {

// Of every row among `counts` of them, on 1, 2 or 3 threads.
void check_bits(DType type, int64_t outputs, int64_t columns, const std::vector<int>& counts) {
  const int most = *std::max_element(counts.begin(), counts.end());
  const std::vector<float> x = testing::random_floats(size_t(most * columns), 7);
  const RandomMatrix m = testing::random_matrix(type, outputs, columns, 11);
  for (const std::string& isa : tier::isas()) {
    std::vector<float> alone;
    for (const int threads : {1, 2, 3}) {
      const auto backend = ops::make_cpu_backend(threads, isa);
      const auto matrix = backend->pack(m.view());
      if (alone.empty())
        for (int r = 0; r < most; ++r) {
          const std::vector<float> y = multiply(*backend, *matrix, x.data() + r * columns, 1);
          alone.insert(alone.end(), y.begin(), y.end());
        }
      for (const int n : counts) {
        const int first = (most - n) / 2;
        const std::vector<float> y = multiply(*backend, *matrix, x.data() + first * columns, n);
        const bool same = std::memcmp(y.data(), alone.data() + first * outputs, y.size() * sizeof(float)) == 0;
        CHECK_MSG(same, label(isa, m, n, threads));
      }
    }
  }
}

std::vector<int> one_to(int most, std::vector<int> others) {
  for (int n = 1; n <= most; ++n) others.push_back(n);
  return others;
}

}  // namespace

TEST("a row's result is the same bits alone, among 1 to 17, 64, 130 or 256 rows, on 1, 2 or 3 threads") {
  for (const DType type : testing::kTypes) check_bits(type, 151, 512, one_to(17, {64, 130, 256}));
}

TEST("so it is of matrices that are no whole steps, pieces or panels") {
  for (const DType type : testing::kTypes) {
    if (formats::info(type).block_elements > 1) continue;
    for (const int64_t columns : {1, 33, 1039}) check_bits(type, 49, columns, one_to(17, {35, 130}));
  }
}

TEST("integer types have the same bits on every instruction set of AVX-512, 1 to 40 rows and 200: by vectors and by tiles") {
  constexpr int64_t kOutputs = 40;
  constexpr int kRows = 200;
  std::vector<std::unique_ptr<ops::Backend>> backends;
  for (const std::string& isa : ops::cpu_isas())  // also in the quick tier: it is they that must agree
    if (isa.starts_with("avx512") || isa.starts_with("amx")) backends.push_back(ops::make_cpu_backend(2, isa));
  std::vector<int> counts = {kRows};
  for (int n = 1; n <= 40; n += tier::choose(3, 1)) counts.push_back(n);
  for (const DType type : testing::kTypes)
    for (const int64_t columns : {256, 512 * 3 + 256}) {  // a piece of a panel and less; several and a part of one
      if (!testing::is_integer(type)) continue;
      const RandomMatrix m = testing::random_matrix(type, kOutputs, columns, 31);
      const std::vector<float> x = testing::random_floats(size_t(kRows * columns), 32);
      for (const Precision precision : {Precision::kFull, Precision::kDraft})
        for (const int n : counts) {
          std::vector<float> first;
          for (const auto& backend : backends) {
            const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), x.data(), n, precision);
            if (first.empty()) first = y;
            CHECK_MSG(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)) == 0, label(backend->name(), m, n, 2));
          }
        }
    }
}

TEST("bias and accumulation come once, after the sum: y = y + (sum + bias), nothing beyond the outputs is touched") {
  constexpr int64_t kOutputs = 37, kColumns = 256;
  for (const std::string& isa : tier::isas())
    for (const DType type : testing::kTypes)
      for (const int rows : {1, 10}) {
        const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 3);
        const auto backend = ops::make_cpu_backend(2, isa);
        const auto matrix = backend->pack(m.view());
        const std::vector<float> x = testing::random_floats(size_t(rows) * kColumns, 4), bias = testing::random_floats(kOutputs, 5);
        const std::vector<float> sum = multiply(*backend, *matrix, x.data(), rows), old = testing::random_floats(sum.size(), 6);
        std::vector<float> with_bias(sum.size() + 1, 42.0f), added = old, both = old;
        const LinearTask tasks[] = {{matrix.get(), bias.data(), with_bias.data()},
                                    {matrix.get(), nullptr, added.data(), true},
                                    {matrix.get(), bias.data(), both.data(), true}};
        backend->linear(tasks, {x.data()}, rows, Precision::kFull);
        bool right = with_bias.back() == 42.0f;
        for (size_t i = 0; i < sum.size(); ++i) {
          const float biased = sum[i] + bias[i % kOutputs];
          right = right && with_bias[i] == biased && added[i] == old[i] + sum[i] && both[i] == old[i] + biased;
        }
        CHECK_MSG(right, label(isa, m, rows, 2));
      }
}

TEST("tasks of different types and sizes that share an input equal separate calls") {
  constexpr int64_t kColumns = 512;
  for (const std::string& isa : tier::isas()) {
    const auto backend = ops::make_cpu_backend(2, isa);
    for (const int rows : {1, 13}) {
      const std::vector<float> x = testing::random_floats(size_t(rows) * kColumns, 1);
      std::vector<std::unique_ptr<ops::Matrix>> matrices;
      std::vector<std::vector<float>> together;
      std::vector<LinearTask> tasks;
      for (const DType type : testing::kTypes) {
        matrices.push_back(backend->pack(testing::random_matrix(type, 7 + 40 * int64_t(matrices.size()), kColumns, 2).view()));
        together.emplace_back(size_t(rows) * size_t(matrices.back()->rows));
      }
      for (size_t i = 0; i < matrices.size(); ++i) tasks.push_back({matrices[i].get(), nullptr, together[i].data()});
      backend->linear(tasks, {x.data()}, rows, Precision::kFull);
      for (size_t i = 0; i < matrices.size(); ++i) CHECK_MSG(together[i] == multiply(*backend, *matrices[i], x.data(), rows), isa);
    }
  }
}

TEST("extreme weights and inputs: all bits set, none, scale 0, zero groups, tiny and huge inputs") {
  constexpr int64_t kOutputs = 18, kColumns = 256;
  std::vector<float> x = testing::random_floats(6 * kColumns, 9);
  std::fill(x.begin(), x.begin() + kColumns, 0.0f);                                          // row 0: all zero
  std::fill(x.begin() + kColumns + 32, x.begin() + kColumns + 64, 0.0f);                      // row 1: a zero group
  std::fill(x.begin() + 2 * kColumns, x.begin() + 3 * kColumns, -1.0f);                       // row 2: every quant -127
  for (int64_t k = 0; k < kColumns; ++k) x[size_t(3 * kColumns + k)] *= 1e-32f;               // row 3: counts as zero
  for (int64_t k = 0; k < kColumns; ++k) x[size_t(4 * kColumns + k)] *= 1e30f;
  x[5 * kColumns] = 1e6f;                                                                     // row 5: one outlier
  for (const std::string& isa : tier::isas())
    for (const DType type : testing::kTypes)
      for (const int fill : {0, 255, 128}) {  // Q8_0: 0, -1, -128
        if (!testing::is_integer(type)) continue;
        RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 8);
        const RandomMatrix scales = m;
        std::fill(m.bytes.begin(), m.bytes.end(), std::byte(fill));
        const size_t block = size_t(formats::info(type).block_bytes);  // the f16 numbers stay random
        for (size_t at = 0; at < m.bytes.size(); at += block) {
          formats::visit(type, [&](auto format) {
            if constexpr (decltype(format)::kQuantBits > 0)
              for (const int half : decltype(format)::kHalves) std::copy_n(&scales.bytes[at + size_t(half)], 2, &m.bytes[at + size_t(half)]);
          });
        }
        check_against_oracle(isa, m, x, 6, 2);
        const auto backend = ops::make_cpu_backend(1, isa);
        const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), x.data(), 1);
        CHECK_MSG(std::all_of(y.begin(), y.end(), [](float v) { return v == 0.0f; }), label(isa, m, 1, 1));
      }
}

TEST("a NaN or an infinity of the input shows in every output of its row, and in no other row") {
  constexpr int64_t kOutputs = 20, kColumns = 256;
  for (const std::string& isa : tier::isas())
    for (const DType type : testing::kTypes)
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        const auto backend = ops::make_cpu_backend(1, isa);
        const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 21);
        std::vector<float> x = testing::random_floats(3 * kColumns, 22);
        x[kColumns + 77] = bad;
        const std::vector<float> y = multiply(*backend, *backend->pack(m.view()), x.data(), 3);
        bool right = true;
        for (int64_t i = 0; i < 3 * kOutputs; ++i) right = right && std::isfinite(y[size_t(i)]) == (i / kOutputs != 1);
        CHECK_MSG(right, label(isa, m, 3, 1));
      }
}

TEST("pack refuses matrices that are no whole number of blocks, or empty") {
  const auto backend = ops::make_cpu_backend(1);
  const std::vector<std::byte> bytes(4096);
  CHECK_THROWS(kUnsupportedModel, backend->pack({DType::kQ8_0, 2, 33, bytes.data()}));
  CHECK_THROWS(kUnsupportedModel, backend->pack({DType::kQ4_K, 2, 32, bytes.data()}));
  CHECK_THROWS(kUnsupportedModel, backend->pack({DType::kF32, 0, 32, bytes.data()}));
  CHECK_THROWS(kUnsupportedModel, backend->pack({DType::kF32, 2, 0, bytes.data()}));
}

TEST("packed weights take the bytes of the file, or of the type that they are computed as, and at most 3 % more") {
  const auto backend = ops::make_cpu_backend(1);
  for (const DType type : testing::kTypes) {
    const RandomMatrix m = testing::random_matrix(type, 64, 2048, 1);
    const size_t bytes = size_t(m.rows) * formats::row_bytes(formats::computed_as(type), m.columns);
    CHECK_MSG(double(backend->pack(m.view())->bytes) <= 1.03 * double(bytes), formats::info(type).name.data());
  }
}
