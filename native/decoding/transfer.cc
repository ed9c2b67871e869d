#include "decoding/transfer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ragdraft::decoding {
namespace {

template <class Real>
double plausible_from(std::span<const Real> q, const Transfer& step) {
  Real largest = 0;
  for (const Real x : q) largest = std::max(largest, x);
  return step.plausibility * double(largest);
}

}  // namespace

template <class Real>
void transfer(std::span<const Real> p, std::span<const Real> q, const Transfer& step, std::span<Real> out) {
  const double floor = plausible_from(q, step);
  // log of the largest weight. Only plausible tokens (a handful of the vocabulary) cost a logarithm and an exponential.
  double peak = -std::numeric_limits<double>::infinity(), largest_unshifted = 0;
  for (size_t i = 0; i < p.size(); i++) {
    if (p[i] <= 0) continue;
    if (q[i] >= floor) {
      peak = std::max(peak, std::log(double(p[i])) + step.eta * (double(q[i]) - double(p[i])));
    } else {
      largest_unshifted = std::max(largest_unshifted, double(p[i]));
    }
  }
  if (largest_unshifted > 0) peak = std::max(peak, std::log(largest_unshifted));
  const double unshifted_scale = std::exp(-peak);
  const auto weight = [&](size_t i) {
    if (p[i] <= 0) return 0.0;
    if (q[i] < floor) return double(p[i]) * unshifted_scale;
    return std::exp(std::log(double(p[i])) + step.eta * (double(q[i]) - double(p[i])) - peak);
  };
  double sum = 0;
  for (size_t i = 0; i < p.size(); i++) {
    const double w = weight(i);
    sum += w;
    out[i] = Real(w);
  }
  const double scale = 1 / sum;  // sum >= 1: the largest weight is 1
  for (Real& x : out) x = Real(double(x) * scale);
}

template <class Real>
void paper_distribution(std::span<const Real> p, std::span<const Real> q, std::span<Real> row) {
  double rejected = 0, deficit = 0;  // 1 - beta = sum (p_hat - m), and sum (p - m)+ = 1 - beta + N
  for (size_t i = 0; i < p.size(); i++) {
    const Real m = std::min(q[i], row[i]);
    rejected += double(row[i]) - double(m);
    deficit += std::max(double(p[i]) - double(m), 0.0);
  }
  const double kappa = deficit > 0 ? std::min(rejected / deficit, 1.0) : 0;
  for (size_t i = 0; i < p.size(); i++) {
    const double m = double(std::min(q[i], row[i]));
    row[i] = Real(m + kappa * std::max(double(p[i]) - m, 0.0));
  }
}

TokenId transfer_argmax(std::span<const float> logits, std::span<const float> p, std::span<const float> q, const Transfer& step,
                        double tau) {
  const double floor = plausible_from(q, step);
  TokenId best = -1;
  double peak = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < p.size(); i++) {
    double score = logits[i];
    if (q[i] >= floor) score += step.eta * (double(q[i]) - double(p[i])) * tau;
    if (score > peak) {
      peak = score;
      best = TokenId(i);
    }
  }
  return best;
}

template void transfer<float>(std::span<const float>, std::span<const float>, const Transfer&, std::span<float>);
template void transfer<double>(std::span<const double>, std::span<const double>, const Transfer&, std::span<double>);
template void paper_distribution<float>(std::span<const float>, std::span<const float>, std::span<float>);
template void paper_distribution<double>(std::span<const double>, std::span<const double>, std::span<double>);

}  // namespace ragdraft::decoding
