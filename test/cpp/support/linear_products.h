// Single products through the backends, and the inputs as their kernels see them.
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/half.h"
#include "ops/backend.h"
#include "tier.h"

namespace testing {

// Every backend here, the oracle last.
inline std::vector<std::unique_ptr<ragdraft::ops::Backend>> all_backends() {
  std::vector<std::unique_ptr<ragdraft::ops::Backend>> backends;
  for (const std::string& isa : tier::isas()) backends.push_back(ragdraft::ops::make_cpu_backend(2, isa));
  backends.push_back(ragdraft::ops::make_reference_backend());
  return backends;
}

// [rows, matrix.rows]
inline std::vector<float> multiply(ragdraft::ops::Backend& backend, const ragdraft::ops::Matrix& matrix,
                                   const ragdraft::ops::LinearInput& input, int rows,
                                   ragdraft::ops::Precision precision = ragdraft::ops::Precision::kFull) {
  std::vector<float> y(size_t(rows) * size_t(matrix.rows), -1e9f);
  const ragdraft::ops::LinearTask task{&matrix, nullptr, y.data()};
  backend.linear({&task, 1}, input, rows, precision);
  return y;
}
inline std::vector<float> multiply(ragdraft::ops::Backend& backend, const ragdraft::ops::Matrix& matrix, const float* x, int rows,
                                   ragdraft::ops::Precision precision = ragdraft::ops::Precision::kFull) {
  return multiply(backend, matrix, ragdraft::ops::LinearInput{x}, rows, precision);
}

// Whether products with weights of bf16 round their inputs to bf16: 1 + 2^-12 becomes 1.
inline bool rounds_to_bf16(ragdraft::ops::Backend& backend) {
  const uint16_t one = 0x3f80;
  const auto matrix = backend.pack({ragdraft::formats::DType::kBF16, 1, 1, reinterpret_cast<const std::byte*>(&one)});
  const float x = 1 + 0x1p-12f;
  return multiply(backend, *matrix, &x, 1)[0] == 1;
}
inline std::vector<double> rounded_to_bf16(const float* x, int64_t columns) {
  std::vector<double> out(static_cast<size_t>(columns));
  for (size_t k = 0; k < out.size(); ++k) out[k] = double(ragdraft::bf16_to_f32(ragdraft::f32_to_bf16(x[k])));
  return out;
}

// Per 32, scale = max / 127 and quants to nearest even (kernel_table.h).
inline std::vector<double> quantized(const float* x, int64_t columns) {
  std::vector<double> out(static_cast<size_t>(columns));
  for (int64_t group = 0; group < columns; group += 32) {
    float largest = 0;
    for (int64_t k = group; k < group + 32; ++k) largest = std::max(largest, std::fabs(x[k]));
    const float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
    for (int64_t k = group; k < group + 32; ++k) out[size_t(k)] = double(std::nearbyint(x[k] * inverse)) * double(largest / 127.0f);
  }
  return out;
}

}  // namespace testing
