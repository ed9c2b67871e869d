// Pearson's chi-square test of goodness of fit.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace chi_square {

// Regularised upper incomplete gamma function Q(a, x): series below a + 1, Lentz's continued fraction above.
inline double upper_gamma(double a, double x) {
  if (x <= 0) return 1;
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (double n = a + 1; term > sum * 1e-16; n++) sum += term *= x / n;
    return 1 - scale * sum;
  }
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, fraction = d;
  for (int i = 1; i < 10000; i++) {
    const double numerator = -i * (i - a);
    b += 2;
    d = numerator * d + b;
    d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
    c = b + numerator / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    fraction *= c * d;
    if (std::fabs(c * d - 1) < 1e-15) break;
  }
  return scale * fraction;
}

// Probability of a statistic at least this large if the distribution is right.
inline double p_value(double statistic, int degrees) { return upper_gamma(degrees / 2.0, statistic / 2); }

// p-value of `observed` counts under `distribution` (probabilities, sum 1). Cells that expect fewer than 5 counts are pooled, as the
// approximation needs. A count where the distribution has no mass at all gives 0.
inline double test(const std::vector<int64_t>& observed, const std::vector<double>& distribution) {
  double total = 0;
  for (const int64_t count : observed) total += double(count);
  double statistic = 0, pooled_expected = 0, pooled_observed = 0;
  int cells = 0;
  const auto add = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    cells++;
  };
  for (size_t i = 0; i < distribution.size(); i++) {
    const double expected = distribution[i] * total;
    if (distribution[i] <= 0 && observed[i] > 0) return 0;
    if (expected >= 5) {
      add(double(observed[i]), expected);
    } else {
      pooled_expected += expected;
      pooled_observed += double(observed[i]);
    }
  }
  if (pooled_expected >= 5) add(pooled_observed, pooled_expected);
  return cells > 1 ? p_value(statistic, cells - 1) : 1;
}

}  // namespace chi_square
