// How many tokens to draft next: the length with the most expected tokens per millisecond, from what earlier rounds accepted
// and cost. 0 (plain decoding) is a possible answer. Deterministic: time comes in as measured durations.
#pragma once
#include <array>

#include "base/types.h"

namespace ragdraft::spec {

// What one round cost and gained.
struct RoundCost {
  int drafted = 0;       // tokens proposed, 0..16
  int accepted = 0;      // of these, 0..drafted
  int draft_steps = 0;   // passes of the drafter; its token after the last draft counts too where the law needs it
  double draft_ms = 0;   // of all draft_steps
  double verify_ms = 0;  // of the one pass over drafted + 1 rows
};

// The last few samples of a duration. Noise only ever adds time, and rarely: the lower median ignores it.
class Duration {
 public:
  void add(double ms);
  bool known() const { return count_ > 0; }
  bool trusted() const { return count_ >= 3; }  // one outlier is not the median
  double ms() const;                            // known() must hold

 private:
  static constexpr int kSamples = 7;
  std::array<double, kSamples> samples_{};
  int count_ = 0, next_ = 0;
};

class DraftLength {
 public:
  // max_length: 0..16. bonus_needs_draft: the token after a fully accepted draft costs one more drafter step.
  DraftLength(int max_length, bool bonus_needs_draft);

  // The length of the next round, 0..min(max_length, limit).
  int choose(int limit);
  void record(const RoundCost& round);

  // Estimates. acceptance: probability that draft `position` (0..15) is accepted if all before it were.
  double acceptance(int position) const;
  double draft_ms() const;           // of one step; 0 before any
  double verify_ms(int rows) const;  // 1..17; between and beyond measured row counts: straight lines; 0 before any

 private:
  struct Evidence {  // exponentially fading counts
    double trials = 0, successes = 0;
    void fade(double factor);
    void add(double success, double memory);
  };
  double tokens_per_ms(int length, double verify_ms) const;
  int best(int limit) const;
  int promising(int limit, int best) const;
  bool could_pay() const;
  double measured_ms(int rows) const;
  double lowest_verify_ms(int rows) const;

  int max_length_;
  bool bonus_needs_draft_;
  std::array<Evidence, kMaxVerifyRows - 1> positions_{};
  Evidence pool_;  // all positions together: what is assumed of positions seldom reached
  int draft_samples_ = 0;
  Duration draft_;
  std::array<Duration, kMaxVerifyRows + 1> verify_{};  // by rows
  int busy_ = 0;                                       // rounds with drafts in a row since a length was last explored
  int idle_ = 0;                                       // rounds since drafting was switched off or last tried again
  int patience_;                                       // idle rounds before it is tried again
  int wait_;                                           // the same for the next try alone
  bool probing_ = false;                               // the current round is such a try
};

}  // namespace ragdraft::spec
