#include "spec/draft_length.h"

#include <algorithm>

namespace ragdraft::spec {
namespace {

constexpr int kFirstDraft = 4;   // of the first rounds, while nothing is known
constexpr int kFirstRounds = 2;  // measured rounds with drafts before costs are trusted: the first one runs cold
constexpr int kExplore = 8;      // every so many rounds with drafts, a length measured too seldom may be tried

constexpr double kMemory = 0.95;      // fading per observation: about the last 20 of a position count,
constexpr double kPoolMemory = 0.98;  // and the last 50 of all positions together
constexpr double kPoolWeight = 4;     // observations that the average of all positions stands for in the estimate of one
constexpr double kPrior = 0.7;        // acceptance assumed before any observation,
constexpr double kPriorWeight = 2;    // as if seen so often

constexpr int kProbeDraft = 2;                        // of a try while drafting is off: cheap, yet it measures acceptance and costs
constexpr double kStale = 0.25;                       // what old evidence weighs from then on
constexpr int kMinPatience = 16, kMaxPatience = 512;  // rounds between tries; doubled by a failed one,
constexpr int kHopefulWait = 2;                       // while one in which all went well is repeated soon

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

void DraftLength::Evidence::add(double success, double memory) {
  fade(memory);
  trials += 1;
  successes += success;
}

DraftLength::DraftLength(int max_length, bool bonus_needs_draft)
    : max_length_(max_length), bonus_needs_draft_(bonus_needs_draft), patience_(kMinPatience), wait_(kMinPatience) {}

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
    if (++busy_ < kExplore) return length;
    busy_ = 0;
    wait_ = patience_ = kMinPatience;  // drafting has lasted
    return promising(limit, length);
  }
  busy_ = 0;
  if (++idle_ < wait_) return 0;
  idle_ = 0;
  probing_ = true;
  pool_.fade(kStale);
  for (Evidence& position : positions_) position.fade(kStale);
  return std::min(kProbeDraft, limit);
}

void DraftLength::record(const RoundCost& round) {
  for (int i = 0; i < round.drafted && i <= round.accepted; i++) {  // drafts after the first rejection were not judged
    const double success = i < round.accepted ? 1 : 0;
    positions_[size_t(i)].add(success, kMemory);
    pool_.add(success, kPoolMemory);
  }
  if (round.drafted > 0) draft_samples_++;
  if (round.draft_steps > 0) draft_.add(round.draft_ms / round.draft_steps);
  verify_[size_t(round.drafted) + 1].add(round.verify_ms);
  if (!probing_) return;
  const bool hopeful = round.accepted == round.drafted && could_pay();
  if (!hopeful) patience_ = std::min(patience_ * 2, kMaxPatience);
  wait_ = hopeful ? kHopefulWait : patience_;
}

double DraftLength::acceptance(int position) const {
  const double common = (pool_.successes + kPriorWeight * kPrior) / (pool_.trials + kPriorWeight);
  const Evidence& own = positions_[size_t(position)];
  return (own.successes + kPoolWeight * common) / (own.trials + kPoolWeight);
}

double DraftLength::draft_ms() const { return draft_.known() ? draft_.ms() : 0; }

// Of a measured row count. More rows are never cheaper: what a longer pass took bounds it, which undoes most outliers.
double DraftLength::measured_ms(int rows) const {
  double ms = verify_[size_t(rows)].ms();
  for (size_t more = size_t(rows) + 1; more < verify_.size(); more++) {
    if (verify_[more].known()) ms = std::min(ms, verify_[more].ms());
  }
  return ms;
}

// Between and beyond measured row counts: straight lines.
double DraftLength::verify_ms(int rows) const {
  const auto next_known = [&](int from, int direction) {  // `from` itself included; 0: none
    for (int n = from; n >= 1 && n <= kMaxVerifyRows; n += direction) {
      if (verify_[size_t(n)].known()) return n;
    }
    return 0;
  };
  const int below = next_known(rows, -1), above = next_known(rows, 1);
  if (below == 0) return above == 0 ? 0 : measured_ms(above);
  const double base = measured_ms(below);
  // Beyond the last measured count: the slope from the first to it, because neighbours are too close to tell slope from noise.
  // Only one count known: rows look free, which a round of that length then corrects.
  const int other = above != 0 ? above : next_known(1, 1);
  if (other == below) return base;
  return base + (measured_ms(other) - base) / (other - below) * (rows - below);
}

// What a pass over `rows` costs at least, as far as it is known for sure.
double DraftLength::lowest_verify_ms(int rows) const {
  while (rows > 1 && !verify_[size_t(rows)].trusted()) rows--;
  return verify_ms(rows);
}

double DraftLength::tokens_per_ms(int length, double verify_ms) const {
  double reached = 1, tokens = 1;  // the bonus or replacement token, then each draft by the probability that it stands
  for (int i = 0; i < length; i++) {
    reached *= acceptance(i);
    tokens += reached;
  }
  const double draft_steps = length + (bonus_needs_draft_ ? reached : 0);
  const double ms = draft_steps * draft_ms() + verify_ms;
  return ms > 0 ? tokens / ms : tokens;  // a clock too coarse to see any cost: more tokens are better
}

int DraftLength::best(int limit) const {
  int best = 0;
  double most = tokens_per_ms(0, verify_ms(1));
  for (int length = 1; length <= limit; length++) {
    const double gain = tokens_per_ms(length, verify_ms(length + 1));
    if (gain > most) {
      most = gain;
      best = length;
    }
  }
  return best;
}

// A length measured too seldom that could beat `best`; else best. Kernels work in tiles: costs may rise in steps, which no
// line foresees. Plain decoding is among them, being what everything is compared with.
int DraftLength::promising(int limit, int best) const {
  if (!verify_[1].trusted()) return 0;
  double most = tokens_per_ms(best, verify_ms(best + 1));
  for (int length = 1; length <= limit; length++) {
    if (verify_[size_t(length) + 1].trusted()) continue;
    const double gain = tokens_per_ms(length, lowest_verify_ms(length + 1));
    if (gain > most) {
      most = gain;
      best = length;
    }
  }
  return best;
}

// Whether some length would beat plain decoding if every draft were accepted.
bool DraftLength::could_pay() const {
  for (int length = 1; length <= max_length_; length++) {
    const double ms = (length + (bonus_needs_draft_ ? 1 : 0)) * draft_ms() + verify_ms(length + 1);
    if ((length + 1) / ms > tokens_per_ms(0, verify_ms(1))) return true;
  }
  return false;
}

}  // namespace ragdraft::spec
