#include "decoding/policy/acceptance_rate.h"

#include <algorithm>
#include <cmath>

namespace ragdraft::decoding {
namespace {

constexpr double kMemory = 0.95;      // fading per observation: about the last 20 of a position count,
constexpr double kPoolMemory = 0.98;  // and the last 50 of all positions together
constexpr double kPoolWeight = 4;     // observations that the average of all positions stands for in the estimate of one
constexpr double kPrior = 0.7;        // acceptance assumed before any observation,
constexpr double kPriorWeight = 2;    // as if seen so often

// A drafter that was good and is useless now must not need 20 rounds of long drafts to show it (Page's CUSUM test).
constexpr double kDoubtful = 6;  // log likelihood ratio: four misses in a row at an estimate of 0.9, eleven at 0.6
constexpr double kStale = 0.05;  // what the evidence weighs from then on

}  // namespace

void Evidence::fade(double factor) {
  trials *= factor;
  successes *= factor;
}

void Evidence::add(bool success, double memory) {
  fade(memory);
  trials += 1;
  successes += success ? 1 : 0;
}

void DraftAcceptance::record(int drafted, int accepted) {
  for (int i = 0; i < drafted && i <= accepted; i++) {
    const bool success = i < accepted;
    notice_change(at(i), success);
    positions_[size_t(i)].add(success, kMemory);
    pool_.add(success, kPoolMemory);
  }
}

void DraftAcceptance::notice_change(double expected, bool success) {
  doubt_ += success ? std::log(0.5) : std::log((1 - expected / 2) / (1 - expected));
  doubted_.add(success, 1);
  if (doubt_ >= kDoubtful) {
    fade(kStale);
    pool_.trials += doubted_.trials;
    pool_.successes += doubted_.successes;
    doubt_ = 0;
  }
  if (doubt_ <= 0) {
    doubt_ = 0;
    doubted_ = {};
  }
}

double DraftAcceptance::mean() const { return pool_.rate(kPrior, kPriorWeight); }

double DraftAcceptance::at(int position) const { return positions_[size_t(position)].rate(mean(), kPoolWeight); }

void DraftAcceptance::fade(double factor) {
  pool_.fade(factor);
  for (Evidence& position : positions_) position.fade(factor);
}

void NgramAgreement::record(int match, int agreed, int judged) {
  for (int i = 0; i < judged && i <= agreed; i++) by_match_[size_t(bucket(match + i))].add(i < agreed, kMemory);
}

double NgramAgreement::at(int match, double prior) const { return by_match_[size_t(bucket(match))].rate(prior, kPriorWeight); }

double NgramAgreement::mean() const {
  Evidence all;
  for (const Evidence& e : by_match_) {
    all.trials += e.trials;
    all.successes += e.successes;
  }
  return all.trials > 0 ? all.successes / all.trials : 0;
}

int NgramAgreement::bucket(int match) { return match < 5 ? 0 : match < 9 ? 1 : match < 17 ? 2 : 3; }

double NgramAgreement::prior(int match) { return std::array{0.4, 0.6, 0.8, 0.9}[size_t(bucket(match))]; }

}  // namespace ragdraft::decoding
