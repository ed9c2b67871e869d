// How likely a proposed token stands, from what became of earlier ones: fading counts.
#pragma once
#include <array>

#include "base/types.h"

namespace ragdraft::decoding {

struct Evidence {
  double trials = 0, successes = 0;
  void fade(double factor);
  void add(bool success, double memory);
  // The estimate where `prior` counts like `weight` observations.
  double rate(double prior, double weight) const { return (successes + weight * prior) / (trials + weight); }
};

// Of the drafter's tokens before the target, by position in the draft.
class DraftAcceptance {
 public:
  // drafted, accepted: of one round, 0..16. What follows the first rejection was not judged.
  void record(int drafted, int accepted);

  // Probability that draft `position` (0..15) stands if all before it did.
  double at(int position) const;
  double mean() const;  // of all positions together

  void fade(double factor);

 private:
  void notice_change(double expected, bool success);

  std::array<Evidence, kMaxVerifyRows - 1> positions_{};
  Evidence pool_;        // all positions together: what is assumed of positions seldom reached
  Evidence doubted_;   // since doubt_ was last 0
  double doubt_ = 0;   // log likelihood ratio of "half as good as estimated" against "as estimated", never below 0
};

// Of n-gram proposals before one judge (the drafter or the target), by the number of tokens that matched: long matches go on.
class NgramAgreement {
 public:
  // match: tokens that the proposal rests on. The first `agreed` of its tokens stood; `judged` of them were compared.
  void record(int match, int agreed, int judged);

  // Probability that the token after `match` matching ones stands. prior: assumed before any observation.
  double at(int match) const { return at(match, prior(match)); }
  double at(int match, double prior) const;
  double mean() const;

 private:
  static constexpr int kBuckets = 4;
  static int bucket(int match);
  static double prior(int match);
  std::array<Evidence, kBuckets> by_match_{};
};

}  // namespace ragdraft::decoding
