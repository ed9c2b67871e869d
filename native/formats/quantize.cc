#include "formats/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "formats/dtype.h"

namespace ragdraft::formats {
namespace {

constexpr int kBlock = 32;
constexpr uint16_t kHalfNan = 0x7e00;
constexpr float kLargestHalf = 65504;

// Levels are -8..7, stored as level + 8. |x * inverse_scale| < 2^31: an int holds it.
int stored_level(float x, float inverse_scale) { return std::min(int(x * inverse_scale + 8.5f), 15); }

struct Fit {
  float explained;  // how much of the sum of squares the levels account for, with
  float scale;      // the scale of least squared error for them
};

// Levels by one scale, then the best scale for these levels. Plain loops over lanes: compilers make vectors of them.
Fit fit(const float* x, float inverse_scale) {
  constexpr int kLanes = 8;
  float levels[kBlock], products[kLanes] = {}, squares[kLanes] = {};
  for (int i = 0; i < kBlock; i++) levels[i] = float(stored_level(x[i], inverse_scale) - 8);
  for (int i = 0; i < kBlock; i += kLanes) {
    for (int lane = 0; lane < kLanes; lane++) products[lane] += x[i + lane] * levels[i + lane];
    for (int lane = 0; lane < kLanes; lane++) squares[lane] += levels[i + lane] * levels[i + lane];
  }
  float product = 0, square = 0;
  for (int lane = 0; lane < kLanes; lane++) {
    product += products[lane];
    square += squares[lane];
  }
  return {product * (product / square), product / square};
}

// extreme: the weight of the largest magnitude.
float best_scale(const float* x, float extreme) {
  Fit best{-1, 0};
  for (const float level : {-8.0f, -8.75f, -7.25f}) {  // that the extreme would be; beyond -8 it is cut off
    const Fit candidate = fit(x, level / extreme);
    if (candidate.explained > best.explained) best = candidate;
  }
  return std::clamp(best.scale, -kLargestHalf, kLargestHalf);
}

// Largest magnitude; NaN or infinity if there is one. Of bits: as integers, magnitudes are in order.
float largest_magnitude(const float* x) {
  int32_t largest = 0;
  for (int i = 0; i < kBlock; i++) largest = std::max(largest, std::bit_cast<int32_t>(x[i]) & 0x7fffffff);
  return std::bit_cast<float>(largest);
}

// f16 scale, 16 bytes: the low nibbles are elements 0..15, the high ones 16..31.
void put_block(uint16_t scale, const uint8_t* levels, std::byte* out) {
  std::memcpy(out, &scale, sizeof scale);
  for (int i = 0; i < kBlock / 2; i++) out[2 + i] = std::byte(levels[i] | levels[i + kBlock / 2] << 4);
}

void quantize_block(const float* x, std::byte* out) {
  uint8_t levels[kBlock] = {};
  const float largest = largest_magnitude(x);
  if (!std::isfinite(largest)) return put_block(kHalfNan, levels, out);
  constexpr float kMost = 8 * kLargestHalf;
  if (largest > kMost) {
    float cut[kBlock];
    for (int i = 0; i < kBlock; i++) cut[i] = std::clamp(x[i], -kMost, kMost);
    return quantize_block(cut, out);
  }
  constexpr float kNothing = 0x1p-22f;  // an eighth of it is half the smallest f16
  const bool positive = std::find(x, x + kBlock, largest) != x + kBlock;
  const uint16_t half = largest > kNothing ? f32_to_f16(best_scale(x, positive ? largest : -largest)) : 0;
  const float scale = f16_to_f32(half), inverse = scale == 0 ? 0 : 1 / scale;
  for (int i = 0; i < kBlock; i++) levels[i] = uint8_t(stored_level(x[i], inverse));
  put_block(half, levels, out);
}

}  // namespace

void quantize_q4_0(const float* row, int64_t columns, std::byte* out) noexcept {
  for (int64_t i = 0; i < columns; i += kBlock, out += info(DType::kQ4_0).block_bytes) quantize_block(row + i, out);
}

}  // namespace ragdraft::formats
