// Where a distribution is cut off: the thresholds of top-k and top-p, found without sorting the vocabulary.
#pragma once
#include <limits>
#include <span>

namespace ragdraft::sampling {

// Keeps values > threshold, and of those equal to it the first `ties` in index order (so that exactly k tokens survive a top-k).
struct Cut {
  float threshold = -std::numeric_limits<float>::infinity();
  int ties = std::numeric_limits<int>::max();

  // Call once per value, in index order.
  bool keeps(float value) { return value > threshold || (value == threshold && ties-- > 0); }
};

// The k largest of `values` (NaN counts as -inf). 1 <= k <= values.size(). scratch: k entries or more, overwritten.
Cut top_k_cut(std::span<const float> values, int k, std::span<float> scratch);

// The fewest of the largest `weights` that hold `share` (0..1] of their sum. weights: each in [0, 1], not all 0.
Cut top_p_cut(std::span<const float> weights, double share);

}  // namespace ragdraft::sampling
