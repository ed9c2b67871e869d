#include "spec/draft_length.h"

#include <algorithm>

namespace ragdraft::spec {
namespace {

constexpr int kFirstDraft = 4;      // of the first rounds, while nothing is known
constexpr int kFirstRounds = 2;     // measured rounds with drafts before costs are trusted: the first one runs cold
constexpr int kProbeDraft = 2;      // of a try while drafting is off: cheap, yet it measures acceptance and costs
constexpr double kMemory = 0.95;    // fading per observation: about the last 20 count
constexpr double kStale = 0.25;     // what old evidence weighs when drafting is tried again
constexpr double kPrior = 0.7;      // acceptance assumed before any observation,
constexpr double kPriorWeight = 2;  // as if seen so often
constexpr int kMinPatience = 16, kMaxPatience = 512, kHopefulPatience = 2;  // rounds between tries

}  // namespace

void Duration::add(double ms) {
  samples_[size_t(next_)] = ms;
  next_ = (next_ + 1) % kSamples;
  count_ = std::min(count_ + 1, kSamples);
}

double Duration::ms() const {
  auto sorted = samples_;
  const auto middle = sorted.begin() + (count_ - 1) / 2;
  std::nth_element(sorted.begin(), middle, sorted.begin() + count_);
  return *middle;
}

void DraftLength::Evidence::fade(double factor) {
  trials *= factor;
  successes *= factor;
}

DraftLength::DraftLength(int max_length, bool bonus_needs_draft)
    : max_length_(max_length), bonus_needs_draft_(bonus_needs_draft), patience_(kMinPatience) {}

int DraftLength::choose(int limit) {
  limit = std::min(limit, max_length_);
  probing_ = false;
  if (limit <= 0) return 0;
  // Costs first: a draft, one plain step, and a second draft because the first one ran cold.
  if (draft_samples_ == 0) return std::min(kFirstDraft, limit);
  if (!verify_[1].known()) return 0;
  if (draft_samples_ < kFirstRounds) return std::min(kFirstDraft, limit);

  const int length = best(limit);
  if (length > 0) {
    idle_ = 0;
    patience_ = kMinPatience;
    return length;
  }
  if (++idle_ < patience_) return 0;
  idle_ = 0;
  probing_ = true;
  pool_.fade(kStale);
  for (Evidence& position : positions_) position.fade(kStale);
  return std::min(kProbeDraft, limit);
}

void DraftLength::record(const RoundCost& round) {
  for (int i = 0; i < round.drafted && i <= round.accepted; i++) {  // drafts after the first rejection were not judged
    const double success = i < round.accepted ? 1 : 0;
    for (Evidence* evidence : {&positions_[size_t(i)], &pool_}) {
      evidence->fade(kMemory);
      evidence->trials += 1;
      evidence->successes += success;
    }
  }
  if (round.drafted > 0) draft_samples_++;
  if (round.draft_steps > 0) draft_.add(round.draft_ms / round.draft_steps);
  verify_[size_t(round.drafted) + 1].add(round.verify_ms);
  if (probing_) patience_ = round.accepted > 0 ? kHopefulPatience : std::min(patience_ * 2, kMaxPatience);
}

double DraftLength::acceptance(int position) const {
  const double common = (pool_.successes + kPriorWeight * kPrior) / (pool_.trials + kPriorWeight);
  const Evidence& own = positions_[size_t(position)];
  return (own.successes + kPriorWeight * common) / (own.trials + kPriorWeight);
}

double DraftLength::draft_ms() const { return draft_.known() ? draft_.ms() : 0; }

double DraftLength::verify_ms(int rows) const {
  if (verify_[size_t(rows)].known()) return verify_[size_t(rows)].ms();
  const auto next_known = [&](int from, int direction) {  // 0: none
    for (int n = from + direction; n >= 1 && n <= kMaxVerifyRows; n += direction) {
      if (verify_[size_t(n)].known()) return n;
    }
    return 0;
  };
  int below = next_known(rows, -1), above = next_known(rows, 1);
  if (below == 0 && above == 0) return 0;
  if (below == 0) return verify_[size_t(above)].ms();  // fewer rows than ever measured: no dearer
  const double base = verify_[size_t(below)].ms();
  // Beyond the last measured count: the slope from 1 row to it, because neighbours are too close to tell slope from noise.
  // Only one count known: assume that rows are free, which a round of that length then corrects.
  const int other = above != 0 ? above : 1;
  if (other == below || !verify_[size_t(other)].known()) return base;
  const double slope = (verify_[size_t(other)].ms() - base) / (other - below);
  return base + std::max(slope, 0.0) * (rows - below);
}

double DraftLength::tokens_per_ms(int length) const {
  double reached = 1, tokens = 1;  // the bonus or replacement token, then each draft by the probability that it stands
  for (int i = 0; i < length; i++) {
    reached *= acceptance(i);
    tokens += reached;
  }
  const double draft_steps = length + (bonus_needs_draft_ ? reached : 0);
  const double ms = draft_steps * draft_ms() + verify_ms(length + 1);
  return ms > 0 ? tokens / ms : tokens;  // a clock too coarse to see any cost: more tokens are better
}

int DraftLength::best(int limit) const {
  int best = 0;
  double most = tokens_per_ms(0);
  for (int length = 1; length <= limit; length++) {
    const double gain = tokens_per_ms(length);
    if (gain > most) {
      most = gain;
      best = length;
    }
  }
  return best;
}

}  // namespace ragdraft::spec
