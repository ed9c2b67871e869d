// Rounding to Q4_0.
#include "formats/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "random_matrix.h"
#include "tap.h"
#include "formats/dtype.h"

using namespace ragdraft;
using formats::DType;

namespace {

constexpr int kBlock = 32;

std::vector<float> round_trip(const std::vector<float>& x) {
  std::vector<std::byte> blocks(formats::row_bytes(DType::kQ4_0, int64_t(x.size())));
  formats::quantize_q4_0(x.data(), int64_t(x.size()), blocks.data());
  std::vector<float> out(x.size());
  formats::dequantize_row(DType::kQ4_0, blocks.data(), int64_t(x.size()), out.data());
  return out;
}

double squared_error(const float* a, const float* b) {
  double sum = 0;
  for (int i = 0; i < kBlock; ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

// With levels rounded to nearest for this scale, as f16 has it.
double error_of_scale(const float* x, double scale) {
  const double stored = f16_to_f32(f32_to_f16(float(scale)));
  double sum = 0;
  for (int i = 0; i < kBlock; ++i) {
    const double level = stored == 0 ? 0 : std::clamp(std::nearbyint(x[i] / stored), -8.0, 7.0);
    sum += (x[i] - stored * level) * (x[i] - stored * level);
  }
  return sum;
}

float extreme_of(const float* x) {
  return *std::max_element(x, x + kBlock, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

double sum_of_blocks(const std::vector<float>& x, const std::function<double(int)>& of_block) {
  double sum = 0;
  for (int at = 0; at < int(x.size()); at += kBlock) sum += of_block(at);
  return sum;
}

}  // namespace

TEST("Q4_0 of normal weights errs less than with the largest weight as a level, and at most 1.5 % more than with the best of 600 scales") {
  for (const bool cubed : {false, true}) {  // cubed: few large weights, many small ones
    std::vector<float> x = testing::random_floats(2000 * kBlock, 5);
    if (cubed)
      for (float& value : x) value = value * value * value;
    const std::vector<float> y = round_trip(x);
    const double error = sum_of_blocks(x, [&](int at) { return squared_error(&x[size_t(at)], &y[size_t(at)]); });
    const double naive = sum_of_blocks(x, [&](int at) { return error_of_scale(&x[size_t(at)], extreme_of(&x[size_t(at)]) / -8); });
    const double best = sum_of_blocks(x, [&](int at) {
      double least = std::numeric_limits<double>::infinity();
      for (int i = 0; i < 300; ++i)
        for (const int sign : {-1, 1}) least = std::min(least, error_of_scale(&x[size_t(at)], sign * extreme_of(&x[size_t(at)]) / (5 + 0.02 * i)));
      return least;
    });
    const std::string what = std::to_string(std::sqrt(error / naive)) + " of the naive error, " + std::to_string(std::sqrt(error / best)) + " of the least";
    CHECK_MSG(std::sqrt(error) < (cubed ? 0.985 : 0.95) * std::sqrt(naive) && std::sqrt(error) < 1.015 * std::sqrt(best), what);
  }
}

TEST("no block of Q4_0 errs more than with the largest weight as a level, but for the rounding of the scale to f16") {
  std::mt19937 random(9);
  for (int round = 0; round < 3000; ++round) {
    std::vector<float> x = testing::random_floats(kBlock, uint32_t(round));
    const float size = std::exp2(float(int(random() % 20)) - 10);
    for (float& value : x) value = random() % 4 == 0 ? 0.0f : value * size;
    x[random() % kBlock] *= float(1 + random() % 30);
    const double energy = squared_error(x.data(), std::vector<float>(kBlock).data());
    CHECK(squared_error(x.data(), round_trip(x).data()) <= error_of_scale(x.data(), extreme_of(x.data()) / -8) + energy * 0x1p-20);
  }
}

TEST("weights that are Q4_0 already stay what they are") {
  std::mt19937 random(3);
  for (const float scale : {1.0f, -0.25f, 0.0123291015625f, 0x1p-20f}) {  // each an f16
    std::vector<float> x(8 * kBlock);
    for (float& value : x) value = scale * float(int(random() % 16) - 8);
    for (size_t at = 0; at < x.size(); at += kBlock) x[at + random() % kBlock] = scale * -8;
    CHECK_MSG(round_trip(x) == x, std::to_string(scale));
  }
}

TEST("blocks of zeros, of one weight, and of weights too small or too large for a scale in f16") {
  const auto block = [](float first, float rest) {
    std::vector<float> x(kBlock, rest);
    x[0] = first;
    return x;
  };
  CHECK(round_trip(block(0, 0)) == block(0, 0));
  CHECK(round_trip(block(-0.75f, 0)) == block(-0.75f, 0));
  for (const float tiny : {1e-7f, -0x1p-22f, std::numeric_limits<float>::denorm_min()}) CHECK(round_trip(block(tiny, 0)) == block(0, 0));
  for (const float huge : {1e6f, -3e38f}) {
    const std::vector<float> y = round_trip(block(huge, 1));
    CHECK_MSG(std::fabs(y[0]) >= 7 * 65504.0f && std::isfinite(y[0]) && std::signbit(y[0]) == std::signbit(huge), std::to_string(y[0]));
  }
}

TEST("a block with a NaN or an infinity becomes NaN, its neighbours do not") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = testing::random_floats(3 * kBlock, 1);
    x[kBlock + 7] = bad;
    const std::vector<float> y = round_trip(x);
    bool right = true;
    for (int i = 0; i < 3 * kBlock; ++i) right = right && std::isfinite(y[size_t(i)]) == (i / kBlock != 1);
    CHECK(right);
  }
}
