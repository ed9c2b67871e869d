// Matrices with a 4-bit copy to draft from: F32, F16 and BF16 ones, in every instruction set and in the oracle.
#include "ops/draft_copy.h"

#include <cmath>
#include <memory>
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
using testing::all_backends;
using testing::DType;
using testing::multiply;
using testing::RandomMatrix;

namespace {

constexpr DType kWide[] = {DType::kF32, DType::kF16, DType::kBF16};

std::unique_ptr<ops::Matrix> with_copy(ops::Backend& backend, const RandomMatrix& m) {
  std::unique_ptr<ops::Matrix> matrix = backend.pack(m.view());
  backend.add_draft_copy(*matrix, m.view());
  return matrix;
}

// The copy as a matrix of its own.
RandomMatrix copy_of(const RandomMatrix& m) { return {DType::kQ4_0, m.rows, m.columns, ops::draft_copy_rows(m.view(), 0, m.rows)}; }

std::string name_of(const ops::Backend& backend, DType type) { return backend.name() + " " + std::string(formats::info(type).name); }

}  // namespace

TEST("a draft is the product with the copy, bit for bit that of a Q4_0 matrix; the full product stays what it was") {
  struct Shape {
    int64_t outputs, columns;
  };
  constexpr int kRows = 5;
  for (const auto& backend : all_backends())
    for (const DType type : kWide)
      for (const Shape shape : {Shape{1, 32}, {15, 96}, {17, 512}, {64, 896}, {33, 4352}}) {
        const RandomMatrix m = testing::random_matrix(type, shape.outputs, shape.columns, uint32_t(shape.columns));
        const std::vector<float> x = testing::random_floats(size_t(kRows * shape.columns), 3);
        const auto plain = backend->pack(m.view()), four = backend->pack(copy_of(m).view()), both = with_copy(*backend, m);
        const std::string what = name_of(*backend, type) + " " + std::to_string(shape.outputs) + "x" + std::to_string(shape.columns);
        CHECK_MSG(multiply(*backend, *both, x.data(), kRows, Precision::kDraft) == multiply(*backend, *four, x.data(), kRows), what);
        CHECK_MSG(multiply(*backend, *both, x.data(), kRows) == multiply(*backend, *plain, x.data(), kRows), what);
        CHECK_MSG(multiply(*backend, *plain, x.data(), kRows, Precision::kDraft) == multiply(*backend, *plain, x.data(), kRows), what);
      }
}

TEST("drafts from copies agree with the oracle's, on inputs as the kernels see them") {
  constexpr int64_t kOutputs = 47, kColumns = 1024;
  constexpr int kRows = 6;
  std::vector<float> x;
  for (int r = 0; r < kRows; ++r)
    for (const double value : testing::quantized(testing::random_floats(kColumns, uint32_t(r)).data(), kColumns)) x.push_back(float(value));
  const auto oracle = ops::make_reference_backend();
  for (const DType type : kWide) {
    const RandomMatrix m = testing::random_matrix(type, kOutputs, kColumns, 4);
    const std::vector<float> expected = multiply(*oracle, *with_copy(*oracle, m), x.data(), kRows, Precision::kDraft);
    for (const std::string& isa : tier::isas()) {
      const auto backend = ops::make_cpu_backend(2, isa);
      const std::vector<float> y = multiply(*backend, *with_copy(*backend, m), x.data(), kRows, Precision::kDraft);
      // Weights of .05: a sum of 1,024 products is about 1.6. f32 rounds 32 partial sums and their scales.
      bool right = true;
      for (size_t i = 0; i < y.size(); ++i) right = right && std::fabs(y[i] - expected[i]) < 1e-5f;
      CHECK_MSG(right, name_of(*backend, type));
    }
  }
}

TEST("a copy is 4.5 bits a weight, and says so; what has no copy says that too") {
  for (const auto& backend : all_backends())
    for (const DType type : kWide) {
      const RandomMatrix m = testing::random_matrix(type, 48, 512, 2);
      const auto plain = backend->pack(m.view()), both = with_copy(*backend, m);
      const std::string what = name_of(*backend, type);
      CHECK_MSG(both->copy_bytes == 48 * 512 * 9 / 16 && both->draft_bytes == both->copy_bytes && both->bytes == plain->bytes, what);
      CHECK_MSG(plain->copy_bytes == 0 && plain->draft_bytes == plain->bytes, what);
    }
}

TEST("a copy pays for types of 16 and 32 bits in whole blocks; anything else is refused") {
  for (const DType type : testing::kTypes) CHECK(ops::draft_copy_pays({type, 4, 512, nullptr}) == !testing::is_integer(type));
  for (const DType type : kWide) CHECK(!ops::draft_copy_pays({type, 4, 48, nullptr}));
  for (const auto& backend : all_backends())
    for (const RandomMatrix& m : {testing::random_matrix(DType::kQ4_K, 4, 256, 1), testing::random_matrix(DType::kF16, 4, 48, 1)}) {
      const auto matrix = backend->pack(m.view());
      CHECK_THROWS(kInternal, backend->add_draft_copy(*matrix, m.view()));
      CHECK(matrix->copy_bytes == 0);
    }
}

TEST("tasks of one draft may read copies, nested bits and whole matrices") {
  constexpr int64_t kColumns = 256;
  constexpr int kRows = 3;
  const std::vector<float> x = testing::random_floats(kRows * kColumns, 1);
  for (const auto& backend : all_backends()) {
    std::vector<std::unique_ptr<ops::Matrix>> matrices;
    matrices.push_back(with_copy(*backend, testing::random_matrix(DType::kF16, 40, kColumns, 2)));
    for (const DType type : {DType::kQ8_0, DType::kF32}) matrices.push_back(backend->pack(testing::random_matrix(type, 40, kColumns, 3).view()));
    std::vector<std::vector<float>> y(3, std::vector<float>(kRows * 40));
    std::vector<LinearTask> tasks;
    for (size_t i = 0; i < 3; ++i) tasks.push_back({matrices[i].get(), nullptr, y[i].data()});
    backend->linear(tasks, {x.data()}, kRows, Precision::kDraft);
    for (size_t i = 0; i < 3; ++i) CHECK_MSG(y[i] == multiply(*backend, *matrices[i], x.data(), kRows, Precision::kDraft), backend->name());
  }
}
