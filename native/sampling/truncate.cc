#include "sampling/truncate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace ragdraft::sampling {

Cut top_k_cut(std::span<const float> values, int k, std::span<float> scratch) {
  const auto number = [](float v) { return std::isnan(v) ? -std::numeric_limits<float>::infinity() : v; };
  const auto greater = [&](float a, float b) { return number(a) > number(b); };
  const auto kept = scratch.first(size_t(k));
  std::partial_sort_copy(values.begin(), values.end(), kept.begin(), kept.end(), greater);  // a heap of k: one pass
  Cut cut;
  cut.threshold = number(kept.back());
  cut.ties = int(std::count(kept.begin(), kept.end(), cut.threshold));
  return cut;
}

Cut top_p_cut(std::span<const float> weights, double share) {
  // The bits of floats in [0, 1] are ordered like the floats and fit in 30 bits: three digits of 10 bits, most significant
  // first. Each pass sums the weights per value of one digit and keeps the bucket in which the wanted mass is reached.
  constexpr int kDigitBits = 10, kBuckets = 1 << kDigitBits;
  double total = 0;
  for (const float w : weights) total += w;
  double wanted = share * total;
  uint32_t prefix = 0;
  for (int shift = 2 * kDigitBits; shift >= 0; shift -= kDigitBits) {
    std::array<double, kBuckets> mass{};
    for (const float w : weights) {
      const uint32_t digits = std::bit_cast<uint32_t>(w) >> shift;
      if (digits >> kDigitBits == prefix) mass[digits & (kBuckets - 1)] += w;
    }
    int bucket = kBuckets - 1, last = -1;
    for (; bucket >= 0; bucket--) {
      if (mass[size_t(bucket)] == 0) continue;
      last = bucket;
      if (mass[size_t(bucket)] >= wanted) break;
      wanted -= mass[size_t(bucket)];
    }
    if (bucket < 0) {  // rounding of the sums left a crumb of `wanted`: everything in this bucket is kept
      bucket = last;
      wanted = mass[size_t(bucket)];
    }
    prefix = prefix << kDigitBits | uint32_t(bucket);
  }
  Cut cut;
  cut.threshold = std::bit_cast<float>(prefix);
  cut.ties = int(std::max(1.0, std::min(std::ceil(wanted / cut.threshold), double(weights.size()))));
  return cut;
}

}  // namespace ragdraft::sampling
