#include "spec/pass_cost.h"

#include <algorithm>

namespace ragdraft::spec {

void Duration::add(double ms) {
  samples_[size_t(next_)] = ms;
  next_ = (next_ + 1) % kSamples;
  count_ = std::min(count_ + 1, kSamples);
}

double Duration::ms() const {
  auto sorted = samples_;
  const auto quartile = sorted.begin() + (count_ - 1) / 4;
  std::nth_element(sorted.begin(), quartile, sorted.begin() + count_);
  return *quartile;
}

// Of a measured row count. More rows are never cheaper: what a longer pass took bounds it, which undoes most outliers.
double PassCost::measured_ms(int rows) const {
  double ms = by_rows_[size_t(rows)].ms();
  for (size_t more = size_t(rows) + 1; more < by_rows_.size(); more++) {
    if (by_rows_[more].known()) ms = std::min(ms, by_rows_[more].ms());
  }
  return ms;
}

double PassCost::ms(int rows) const {
  const auto next_known = [&](int from, int direction) {  // `from` itself included; 0: none
    for (int n = from; n >= 1 && n <= kMaxVerifyRows; n += direction) {
      if (known(n)) return n;
    }
    return 0;
  };
  const int below = next_known(rows, -1), above = next_known(rows, 1);
  if (below == 0) return above == 0 ? 0 : measured_ms(above);
  const double base = measured_ms(below);
  // Beyond the last measured count: the slope from the first to it, because neighbours are too close to tell slope from noise.
  // Only one count known: rows look free, which a pass of that length then corrects.
  const int other = above != 0 ? above : next_known(1, 1);
  if (other == below) return base;
  return base + (measured_ms(other) - base) / (other - below) * (rows - below);
}

double PassCost::lowest_ms(int rows) const {
  while (rows > 1 && !trusted(rows)) rows--;
  return ms(rows);
}

}  // namespace ragdraft::spec
