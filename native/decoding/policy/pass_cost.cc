#include "decoding/policy/pass_cost.h"

#include <algorithm>
#include <limits>

namespace ragdraft::decoding {

void Duration::add(double ms) {
  samples_[size_t(next_)] = ms;
  next_ = (next_ + 1) % kSamples;
  count_ = std::min(count_ + 1, kSamples);
  auto sorted = samples_;
  const auto quartile = sorted.begin() + (count_ - 1) / 4;
  std::nth_element(sorted.begin(), quartile, sorted.begin() + count_);
  quartile_ = *quartile;
}

void PassCost::add(int rows, double ms) {
  if (!known(rows)) counts_++;
  by_rows_[size_t(rows)].add(ms);

  // More rows are never cheaper: what a longer pass took bounds a shorter one, which undoes most outliers.
  std::array<double, kMaxVerifyRows + 1> measured{};
  std::array<int, kMaxVerifyRows + 2> above{};  // the nearest known count from each on; 0: none
  double least = std::numeric_limits<double>::infinity();
  for (int n = kMaxVerifyRows; n >= 1; n--) {
    above[size_t(n)] = known(n) ? n : above[size_t(n) + 1];
    if (known(n)) measured[size_t(n)] = least = std::min(least, by_rows_[size_t(n)].ms());
  }
  const int first = above[1];
  for (int n = 1, below = 0; n <= kMaxVerifyRows; n++) {
    if (known(n)) below = n;
    const int from = below != 0 ? below : first;
    // Beyond the last measured count: the slope from the first to it, because neighbours are too close to tell slope from noise.
    // Only one count known: rows look free, which a pass of that length then corrects.
    const int to = above[size_t(n)] != 0 ? above[size_t(n)] : first;
    const double base = measured[size_t(from)], span = measured[size_t(to)] - base;
    ms_[size_t(n)] = from == to ? base : base + span / (to - from) * (n - from);
  }
}

double PassCost::lowest_ms(int rows) const {
  while (rows > 1 && !trusted(rows)) rows--;
  return ms(rows);
}

}  // namespace ragdraft::decoding
