#include "tensor/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "tensor/dtype.h"

namespace ragdraft::tensor {
namespace {

constexpr int kBlock = 32;
constexpr uint16_t kHalfNan = 0x7e00;
constexpr float kLargestHalf = 65504;

// Levels are -8..7, stored as u = level + 8.
float stored_level(float x, float inverse_scale) { return float(int(std::clamp(x * inverse_scale + 8.5f, 0.0f, 15.0f))); }

struct Fit {
  float explained;  // how much of the sum of squares the levels account for, with
  float scale;      // the scale of least squared error for them
};

// Levels by one scale, then the best scale for these levels. Sums in lanes, for the compiler's vectors.
Fit fit(const float* x, float inverse_scale) {
  constexpr int kLanes = 8;
  std::array<float, kLanes> products{}, squares{};
  for (int i = 0; i < kBlock; i += kLanes) {
    for (int lane = 0; lane < kLanes; lane++) {
      const float level = stored_level(x[i + lane], inverse_scale) - 8;
      products[size_t(lane)] += x[i + lane] * level;
      squares[size_t(lane)] += level * level;
    }
  }
  float product = 0, square = 0;
  for (int lane = 0; lane < kLanes; lane++) {
    product += products[size_t(lane)];
    square += squares[size_t(lane)];
  }
  return {product * (product / square), product / square};
}

// extreme: the weight of the largest magnitude.
float best_scale(const float* x, float extreme) {
  Fit best{-1, 0};
  for (const float level : {-8.0f, -9.0f, -8.5f, -7.5f, -7.0f}) {  // that the extreme would be; beyond -8 it is cut off
    const Fit candidate = fit(x, level / extreme);
    if (candidate.explained > best.explained) best = candidate;
  }
  return std::clamp(best.scale, -kLargestHalf, kLargestHalf);
}

// f16 scale, 16 bytes: the low nibbles are elements 0..15, the high ones 16..31.
void quantize_block(const float* x, std::byte* out) {
  float extreme = 0;
  bool finite = true;
  for (int i = 0; i < kBlock; i++) {
    finite = finite && std::isfinite(x[i]);
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  constexpr float kNothing = 0x1p-22f;  // an eighth of it is half the smallest f16
  uint16_t half = finite ? 0 : kHalfNan;
  if (finite && std::fabs(extreme) > kNothing) half = f32_to_f16(best_scale(x, extreme));
  std::memcpy(out, &half, sizeof half);
  const float scale = f16_to_f32(half), inverse = finite && scale != 0 ? 1 / scale : 0;
  const auto level = [&](int i) { return int(finite ? stored_level(x[i], inverse) : 8); };
  for (int i = 0; i < kBlock / 2; i++) out[2 + i] = std::byte(level(i) | level(i + kBlock / 2) << 4);
}

}  // namespace

void quantize_q4_0(const float* row, int64_t columns, std::byte* out) noexcept {
  for (int64_t i = 0; i < columns; i += kBlock, out += info(DType::kQ4_0).block_bytes) quantize_block(row + i, out);
}

}  // namespace ragdraft::tensor
