// What drafting has cost or gained an answer so far, against plain decoding, and what it may still lose. By estimates: an interruption
// is nobody's fault.
#pragma once
#include <algorithm>

namespace ragdraft::decoding {

class Ledger {
 public:
  // A round of `ms` brought `tokens`, which take plain_ms each where nothing is drafted.
  void add(int tokens, double ms, double plain_ms) {
    plain_ms_ += tokens * plain_ms;
    gained_ms_ += tokens * plain_ms - ms;
  }

  // What the next round may lose if nothing comes of it. plain_ms: of a plain step.
  double may_lose_ms(double plain_ms) const { return std::max(kLoan * plain_ms, kShare * plain_ms_) + gained_ms_; }

 private:
  static constexpr double kShare = 0.03;  // of the time that plain decoding would have taken: 1 / 1.03 = .971 of its speed,
  static constexpr double kLoan = 1.4;    // at first so many plain steps: the same share of 47 tokens
  double plain_ms_ = 0, gained_ms_ = 0;
};

}  // namespace ragdraft::decoding
