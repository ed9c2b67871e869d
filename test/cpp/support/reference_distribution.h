// The distributions of decoding, written down a second time: in double, by sorting, straight from their definitions. Oracle of the tests.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "sampling/sampler.h"

namespace reference {

using Row = std::vector<double>;

inline void normalize(Row& row) {
  const double sum = std::accumulate(row.begin(), row.end(), 0.0);
  for (double& x : row) x /= sum;
}

inline Row penalize(std::span<const float> logits, std::span<const ragdraft::TokenId> answer,
                    const ragdraft::sampling::SamplingParams& params) {
  Row out(logits.begin(), logits.end());
  const size_t window = std::min(answer.size(), size_t(params.repetition_window));
  for (size_t v = 0; v < out.size(); v++) {
    const auto recent = answer.last(window);
    if (std::find(recent.begin(), recent.end(), int(v)) == recent.end()) continue;
    out[v] = out[v] > 0 ? out[v] / params.repetition_penalty : out[v] * params.repetition_penalty;
  }
  return out;
}

inline Row distribution(const Row& logits, const ragdraft::sampling::SamplingParams& params) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  Row out(logits.size());
  const size_t k = params.top_k > 0 ? std::min(size_t(params.top_k), order.size()) : order.size();
  for (size_t i = 0; i < k; i++) out[order[i]] = std::exp((logits[order[i]] - logits[order[0]]) / params.temperature);
  normalize(out);
  if (params.top_p < 1) {
    double mass = 0;
    for (const size_t token : order) {
      const double own = out[token];
      if (mass >= params.top_p) out[token] = 0;
      mass += own;
    }
  }
  for (const size_t token : order) {
    if (out[token] < params.min_p * out[order[0]]) out[token] = 0;
  }
  normalize(out);
  return out;
}

inline Row transfer(const Row& p, const Row& q, double eta, double plausibility) {
  const double floor = plausibility * *std::max_element(q.begin(), q.end());
  Row log_weight(p.size(), -INFINITY);
  for (size_t i = 0; i < p.size(); i++) {
    if (p[i] > 0) log_weight[i] = std::log(p[i]) + (q[i] >= floor ? eta * (q[i] - p[i]) : 0);
  }
  const double peak = *std::max_element(log_weight.begin(), log_weight.end());
  Row out(p.size());
  for (size_t i = 0; i < p.size(); i++) out[i] = std::exp(log_weight[i] - peak);
  normalize(out);
  return out;
}

// pi = m + kappa (p - m)+, kappa = (1 - beta) / (1 - beta + N), beta = sum m, N = sum (m - p)+.
inline Row paper(const Row& p, const Row& q, const Row& p_hat) {
  double beta = 0, overshoot = 0;
  for (size_t i = 0; i < p.size(); i++) {
    const double m = std::min(q[i], p_hat[i]);
    beta += m;
    overshoot += std::max(m - p[i], 0.0);
  }
  const double rest = std::max(1 - beta, 0.0), kappa = rest + overshoot > 0 ? rest / (rest + overshoot) : 0;
  Row out(p.size());
  for (size_t i = 0; i < p.size(); i++) {
    const double m = std::min(q[i], p_hat[i]);
    out[i] = m + kappa * std::max(p[i] - m, 0.0);
  }
  return out;
}

inline double total_variation(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += std::fabs(a[i] - b[i]);
  return sum / 2;
}

}  // namespace reference
