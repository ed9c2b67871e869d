// What a pass of one model costs, by its rows, from measured durations.
#pragma once
#include <array>
#include <cstddef>

#include "base/types.h"

namespace ragdraft::decoding {

// The last few samples of a duration. Noise only ever adds time: the lower quartile ignores it.
class Duration {
 public:
  void add(double ms);
  bool known() const { return count_ > 0; }
  bool repeated() const { return count_ >= 2; }
  bool trusted() const { return count_ >= 3; }  // one outlier among them changes nothing
  double ms() const { return quartile_; }       // 0 before any sample

 private:
  static constexpr int kSamples = 7;
  std::array<double, kSamples> samples_{};
  double quartile_ = 0;
  int count_ = 0, next_ = 0;
};

// rows: 1..kMaxVerifyRows, everywhere. Each round adds to it once or twice and reads all of it: what is read is worked out when it
// changes.
class PassCost {
 public:
  void add(int rows, double ms);
  bool known(int rows) const { return by_rows_[size_t(rows)].known(); }
  bool repeated(int rows) const { return by_rows_[size_t(rows)].repeated(); }
  bool trusted(int rows) const { return by_rows_[size_t(rows)].trusted(); }

  bool sloped() const { return counts_ > 1; }  // whether passes of two row counts were measured

  // Between and beyond measured row counts: straight lines that never fall. 0 before any measurement.
  double ms(int rows) const { return ms_[size_t(rows)]; }
  // What a pass costs at least, as far as it is known for sure.
  double lowest_ms(int rows) const;

 private:
  std::array<Duration, kMaxVerifyRows + 1> by_rows_{};
  std::array<double, kMaxVerifyRows + 1> ms_{};
  int counts_ = 0;  // row counts measured
};

}  // namespace ragdraft::decoding
