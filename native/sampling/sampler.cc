#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "sampling/truncate.h"

namespace ragdraft::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Largest logit that is a number; -inf where there is none.
float peak_of(std::span<const float> logits) {
  float peak = -kInfinity;
  for (const float l : logits) {
    if (l > peak) peak = l;  // false for NaN
  }
  return peak;
}

}  // namespace

void penalize(std::span<float> logits, std::span<const TokenId> recent, double penalty) {
  if (penalty == 1 || recent.empty()) return;
  std::vector<TokenId> seen(recent.begin(), recent.end());
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const TokenId token : seen) {
    if (token < 0 || size_t(token) >= logits.size()) continue;  // not in this model's vocabulary: nothing to weaken
    float& l = logits[size_t(token)];
    l = float(l > 0 ? l / penalty : l * penalty);
  }
}

void to_distribution(std::span<const float> logits, int valid, const SamplingParams& params, std::span<float> probabilities) {
  const auto row = logits.first(size_t(valid));
  const auto weights = probabilities.first(size_t(valid));
  std::fill(probabilities.begin() + valid, probabilities.end(), 0.0f);
  const float peak = peak_of(row);
  check(peak > -kInfinity, Code::kInternal, "the model returned a row of logits without a single finite number");
  check(peak < kInfinity, Code::kInternal, "the model returned an infinite logit");

  Cut cut;
  if (params.top_k > 0 && params.top_k < valid) cut = top_k_cut(row, params.top_k, weights);
  // Weights relative to the peak's, which is exactly 1: no overflow, and min-p needs no normalisation.
  for (size_t i = 0; i < row.size(); i++) {
    const float l = row[i];
    weights[i] = l > -kInfinity && cut.keeps(l) ? std::exp(float((double(l) - peak) / params.temperature)) : 0.0f;
  }
  if (params.top_p < 1) {
    Cut nucleus = top_p_cut(weights, params.top_p);
    for (float& w : weights) {
      if (!nucleus.keeps(w)) w = 0;
    }
  }
  double sum = 0;
  for (float& w : weights) {
    if (w < params.min_p) w = 0;
    sum += w;
  }
  const double scale = 1 / sum;  // sum >= 1: the peak survives every cut
  for (float& w : weights) w = float(w * scale);
}

TokenId argmax(std::span<const float> logits, int valid) {
  TokenId best = -1;
  float peak = -kInfinity;
  for (int i = 0; i < valid; i++) {
    if (logits[size_t(i)] > peak) {
      peak = logits[size_t(i)];
      best = i;
    }
  }
  return best;
}

TokenId sample(std::span<const float> weights, double u) {
  double total = 0;
  for (const float w : weights) total += w;
  const double wanted = u * total;
  double reached = 0;
  TokenId last = -1;
  for (size_t i = 0; i < weights.size(); i++) {
    if (!(weights[i] > 0)) continue;
    reached += weights[i];
    last = TokenId(i);
    if (reached >= wanted) break;
  }
  return last;
}

}  // namespace ragdraft::sampling
