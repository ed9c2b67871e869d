// The norm and the gate that a product may have before it: against the reference, and bit for bit against a product of the rows
// they make. Those rows are seen through a product with the unit matrix, which adds zeros to each of their elements.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kv_fixture.h"
#include "linear_products.h"
#include "ops/backend.h"
#include "ops/ref/ref.h"
#include "random_matrix.h"
#include "tap.h"
#include "tier.h"

namespace {

using namespace ragdraft;
using fixture::random_values;
using ops::LinearInput;
using testing::DType;
using testing::multiply;

// Largest |a - b| / max(1, |b|).
double largest_error(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double error = std::abs(double(a[i]) - double(b[i])) / std::max(1.0, std::abs(double(b[i])));
    if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
  }
  return largest;
}

bool same_bits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

// A few roundings of f32, plus exp's 2e-7; sums of squares have 16 to 64 partial sums.
constexpr double kTolerance = 2e-6;

template <class Run>
void for_each_backend(const Run& run) {
  for (const std::string& isa : tier::isas()) {
    for (const int threads : {1, 3}) run(*ops::make_cpu_backend(threads, isa), isa + " x " + std::to_string(threads));
  }
}

// The rows of `input`, [rows, columns].
std::vector<float> rows_of(ops::Backend& backend, const LinearInput& input, int rows, int columns) {
  std::vector<float> unit(size_t(columns) * size_t(columns));
  for (size_t i = 0; i < size_t(columns); i++) unit[i * size_t(columns) + i] = 1;
  const auto matrix = backend.pack({DType::kF32, columns, columns, reinterpret_cast<const std::byte*>(unit.data())});
  return multiply(backend, *matrix, input, rows);
}

}  // namespace

TEST("rms_norm agrees with the reference for any dimension, and a row does not depend on others") {
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    for (const int dim : {1, 7, 16, 63, 64, 100, 896, 1100}) {
      const int rows = dim == 1100 ? 16 : 3;  // 16: over threads, in pieces
      const std::vector<float> x = random_values(size_t(rows * dim), 1, 5), weight = random_values(size_t(dim), 2);
      std::vector<float> expected(x.size());
      ops::ref::rms_norm(x.data(), weight.data(), 1e-5f, rows, dim, expected.data());
      const std::vector<float> normed = rows_of(backend, LinearInput::rms_norm(x.data(), weight.data(), 1e-5f), rows, dim);
      const size_t last = size_t((rows - 1) * dim);
      const std::vector<float> alone = rows_of(backend, LinearInput::rms_norm(x.data() + last, weight.data(), 1e-5f), 1, dim);
      CHECK_MSG(largest_error(normed, expected) < kTolerance, what + " dim " + std::to_string(dim));
      CHECK_MSG(same_bits(normed.data() + last, alone.data(), alone.size()), what + " dim " + std::to_string(dim));
    }
  });
}

TEST("rms_norm of zeros is zero, of huge and tiny rows what the reference says") {
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    std::vector<float> x(3 * 32, 0.0f), expected(x.size());
    for (size_t i = 0; i < 32; i++) x[32 + i] = 1e15f * float(i), x[64 + i] = 1e-12f * float(i);
    const std::vector<float> weight(32, 1.0f);
    ops::ref::rms_norm(x.data(), weight.data(), 1e-6f, 3, 32, expected.data());
    const std::vector<float> normed = rows_of(backend, LinearInput::rms_norm(x.data(), weight.data(), 1e-6f), 3, 32);
    CHECK_MSG(largest_error(normed, expected) < kTolerance, what);
    CHECK_MSG(normed[5] == 0, what);
  });
}

TEST("swiglu agrees with the reference, also far from zero, and an element does not depend on its place") {
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    for (const int rows : {1, 2, 17}) {
      const int dim = rows == 17 ? 1034 : 45;
      std::vector<float> gate = random_values(size_t(rows * dim), 3, 12);
      const std::vector<float> up = random_values(gate.size(), 4, 3);
      const float extremes[] = {0.0f, -0.0f, 50.0f, -50.0f, 88.0f, -88.0f, 200.0f, -200.0f, 1e30f, -1e30f};
      for (size_t i = 0; i < std::size(extremes); i++) gate[i] = extremes[i];
      std::vector<float> expected(gate.size());
      ops::ref::swiglu(gate.data(), up.data(), rows, dim, expected.data());
      const std::vector<float> gated = rows_of(backend, LinearInput::swiglu(gate.data(), up.data()), rows, dim);
      CHECK_MSG(largest_error(gated, expected) < kTolerance, what + " rows " + std::to_string(rows));
      for (const size_t i : {size_t(0), size_t(17), gated.size() - 1}) {
        const std::vector<float> alone = rows_of(backend, LinearInput::swiglu(&gate[i], &up[i]), 1, 1);
        CHECK_MSG(same_bits(alone.data(), &gated[i], 1), what + " element " + std::to_string(i));
      }
    }
  });
}

TEST("a product with a norm or a gate before it is the product of the rows they make, bit for bit, for every type and any rows") {
  constexpr int kOutputs = 20, kColumns = 1280;  // a whole piece and a part of one
  constexpr size_t kMost = 14;                   // rows: more than a block, and over threads
  const std::vector<float> x = random_values(kMost * kColumns, 5, 4), up = random_values(x.size(), 6), weight = random_values(kColumns, 7);
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    const auto norm_at = [&](size_t row) { return LinearInput::rms_norm(x.data() + row * kColumns, weight.data(), 1e-5f); };
    const auto gate_at = [&](size_t row) { return LinearInput::swiglu(x.data() + row * kColumns, up.data() + row * kColumns); };
    const std::vector<float> normed = rows_of(backend, norm_at(0), kMost, kColumns), gated = rows_of(backend, gate_at(0), kMost, kColumns);
    for (const DType type : testing::kTypes) {
      const auto matrix = backend.pack(testing::random_matrix(type, kOutputs, kColumns, 8).view());
      for (const ops::Precision precision : {ops::Precision::kFull, ops::Precision::kDraft})
        for (const int rows : {1, 2, int(kMost)}) {
          const size_t first = kMost - size_t(rows), at = first * kColumns;
          const std::string which = what + " " + std::string(formats::info(type).name) + " rows " + std::to_string(rows);
          CHECK_MSG(multiply(backend, *matrix, norm_at(first), rows, precision) == multiply(backend, *matrix, &normed[at], rows, precision), which);
          CHECK_MSG(multiply(backend, *matrix, gate_at(first), rows, precision) == multiply(backend, *matrix, &gated[at], rows, precision), which);
        }
    }
  });
}
