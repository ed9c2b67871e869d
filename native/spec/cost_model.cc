#include "spec/cost_model.h"

#include <algorithm>
#include <limits>

namespace ragdraft::spec {
namespace {

constexpr int kFirstRounds = 2;  // measured rounds with drafts before costs are trusted: the first one runs cold
constexpr int kExplore = 8;      // every so many rounds with drafts, a length measured too seldom may be tried

constexpr double kDearRow = 0.5;  // what a row more is taken to cost of a pass over one before it is known: more than anywhere measured
constexpr double kStale = 0.25;           // what old evidence weighs from then on
constexpr int kMaxPatience = 512;         // rounds between tries: doubled by a failed one up to this,
constexpr int kHopefulWait = 2;           // while one in which all went well is repeated soon, with twice the length
constexpr double kProbeShare = 0.0075;    // of all time, at most, lost by tries: a wrong drafter must not be felt
constexpr double kNgramWeight = 4;        // observations that the target's agreement stands for in the drafter's

}  // namespace

Choice CostModel::choose(const Situation& s) {
  probing_ = false;
  bonus_ = s.bonus_needs_draft;
  const Outlook o = outlook(s);
  const Choice choice = standing(s, o);
  if (s.proposed == 0 || probing_ || !verify_.known(1)) return choice;
  return with_ngram(s, o, choice);
}

// The drafter token by token, or not at all.
Choice CostModel::standing(const Situation& s, const Outlook& o) {
  const auto draft = [&](int length) { return Choice{Source::kModel, std::min(length, s.limit), 0}; };
  rate_ = o.rate(0);
  if (s.limit <= 0) return {};
  // Costs first: a plain step, which tells what the answer can bear, a draft, and a second one because the first one ran cold.
  if (!verify_.known(1)) return {};
  if (draft_samples_ < kFirstRounds) {
    for (int length = draft_samples_ + 1; length >= 1; length--) {
      if (loss_ms(s, length) <= may_lose_ms(s)) return draft(length);
    }
    return {};
  }

  const int length = best(s, o);
  rate_ = o.rate(length);
  if (length > 0) {
    idle_ = 0;
    if (++busy_ < kExplore) return draft(length);
    busy_ = 0;
    wait_ = patience_ = kMinPatience;  // drafting has lasted
    const int other = promising(s, o, length);
    return other > 0 ? draft(other) : Choice{};
  }
  busy_ = 0;
  const bool series = wait_ == kHopefulWait;
  const bool hopeless = verify_.trusted(kProbeDraft + 1) && !could_pay(s.bonus_needs_draft);
  const int tried = std::min(hopeless ? 1 : probe_length_, s.limit);
  const double lost_ms = loss_ms(s, tried);
  if (++idle_ < wait_ || (!series && credit_ms_ < lost_ms) || lost_ms > may_lose_ms(s)) return {};
  idle_ = 0;
  probing_ = true;
  if (!series) odds_.fade(kStale);  // a series adds up
  return draft(tried);
}

CostModel::Outlook CostModel::outlook(const Situation& s) const {
  Outlook o;
  double reached = 1, tokens = 1;  // the bonus or replacement token, then each draft by the probability that it stands
  for (int length = 0; length < kMaxVerifyRows; length++) {
    const size_t i = size_t(length);
    if (length > 0) tokens += reached *= odds_.at(length - 1);
    o.reached[i] = reached;
    o.tokens[i] = tokens;
    o.verify_ms[i] = verify_.ms(length + 1);
    o.draft_ms[i] = (length + (!s.bonus_needs_draft ? 0 : s.looks_ahead ? 1 : reached)) * draft_.ms(1);
  }
  return o;
}

double CostModel::Outlook::rate(int length) const {
  const double ms = draft_ms[size_t(length)] + verify_ms[size_t(length)];
  return ms > 0 ? tokens[size_t(length)] / ms : tokens[size_t(length)];  // a clock too coarse to see any cost: more tokens are better
}

// What it takes where nothing is drafted, for each token.
double CostModel::plain_ms(const Situation& s) const { return verify_.ms(1) + (s.bonus_needs_draft ? draft_.ms(1) : 0); }

double CostModel::may_lose_ms(const Situation& s) const {
  return s.ledger ? s.ledger->may_lose_ms(plain_ms(s)) : std::numeric_limits<double>::infinity();
}

// What a draft of so many tokens costs more than a plain step, if none of them stands.
double CostModel::loss_ms(const Situation& s, int length) const {
  const double step_ms = draft_.known(1) ? draft_.ms(1) : s.draft_share * verify_.ms(1);
  return length * step_ms + rows_ms(length) + (s.bonus_needs_draft && !s.looks_ahead ? -step_ms : 0);
}

// What the target's pass over so many drafts costs more than one over none.
double CostModel::rows_ms(int length) const {
  return verify_.sloped() ? verify_.ms(length + 1) - verify_.ms(1) : kDearRow * length * verify_.ms(1);
}

int CostModel::best(const Situation& s, const Outlook& o) const {
  int best = 0;
  for (int length = 1; length <= s.limit && loss_ms(s, length) <= may_lose_ms(s); length++) {
    if (o.rate(length) > o.rate(best)) best = length;
  }
  return best;
}

// A length measured too seldom that could beat `best`; else best. Kernels work in tiles: costs may rise in steps, which no
// line foresees. Plain decoding is among them, being what everything is compared with.
int CostModel::promising(const Situation& s, const Outlook& o, int best) const {
  if (!verify_.trusted(1)) return 0;
  Outlook hopeful = o;
  double most = o.rate(best);
  for (int length = 1; length <= s.limit && loss_ms(s, length) <= may_lose_ms(s); length++) {
    if (verify_.trusted(length + 1)) continue;
    hopeful.verify_ms[size_t(length)] = verify_.lowest_ms(length + 1);
    if (hopeful.rate(length) <= most) continue;
    most = hopeful.rate(length);
    best = length;
  }
  return best;
}

// Whether some length would beat plain decoding if every draft were accepted.
bool CostModel::could_pay(bool bonus_needs_draft) const {
  const double extra = bonus_needs_draft ? draft_.ms(1) : 0, plain = extra + verify_.ms(1);
  for (int length = 1; length < kMaxVerifyRows; length++) {
    if ((length + 1) * plain > length * draft_.ms(1) + extra + verify_.ms(length + 1)) return true;
  }
  return false;
}

// Probability that the drafter's token after `match` matching ones is the n-gram's: while it is not asked, what the target does.
double CostModel::agreement(int match) const { return drafter_agrees_.at(match, target_agrees_.at(match)); }

// Value of drafting on with `drafted` tokens in hand, what they cost being spent: expected tokens less the worth of the time.
double CostModel::going_on(const Outlook& o, int drafted, int limit, int* best) const {
  double most = 0;
  *best = drafted;
  for (int length = drafted; length <= limit; length++) {
    const size_t i = size_t(length);
    const double value = o.tokens[i] - rate_ * (o.draft_ms[i] - drafted * draft_.ms(1) + o.verify_ms[i]);
    if (length > drafted && value <= most) continue;
    most = value;
    *best = length;
  }
  return most;
}

int CostModel::extend(const Situation& s, int drafted) const {
  int best = drafted, limit = drafted;
  while (limit < s.limit && loss_ms(s, limit + 1) <= may_lose_ms(s)) limit++;
  going_on(outlook(s), drafted, limit, &best);
  return best;
}

// A proposal is at hand: is a round with it worth more than the same time spent on `standing`, whose value is 0 by definition?
Choice CostModel::with_ngram(const Situation& s, const Outlook& o, const Choice& standing) const {
  Choice choice = standing;
  double most = 0;
  double reached = 1, tokens = 1;
  for (int n = 1; n <= std::min(s.proposed, s.ngram_limit) && rows_ms(n) <= may_lose_ms(s); n++) {
    tokens += reached *= target_agrees_.at(s.match + n - 1);
    const double value = tokens - rate_ * o.verify_ms[size_t(n)];
    if (value <= most) continue;
    most = value;
    choice = {Source::kNgram, n, n};
  }
  if (!draft_.known(1)) return choice;
  const double catch_up_ms = s.behind > 2 ? draft_.ms(std::min(s.behind, kMaxVerifyRows)) : 0;
  double failed = 0;  // value of the ways in which the proposal breaks off early, each by its probability
  reached = 1;
  for (int n = 1, unused; n <= std::min(s.proposed, s.limit - 1); n++) {
    if (rows_ms(n + 1) + draft_.ms(n + 1) + catch_up_ms > may_lose_ms(s)) break;
    const double stands = agreement(s.match + n - 1);
    failed += reached * (1 - stands) * going_on(o, n, s.limit, &unused);
    reached *= stands;
    const double value = failed + reached * going_on(o, n + 1, s.limit, &unused) - rate_ * (draft_.ms(n + 1) + catch_up_ms);
    if (value <= most) continue;
    most = value;
    choice = {Source::kCascade, s.limit, n};
  }
  return choice;
}

Choice CostModel::choose_fixed(const Situation& s, int length) const {
  Choice choice{length > 0 ? Source::kModel : Source::kNone, length, 0};
  if (!draft_.known(1)) return choice;
  double least = length * draft_.ms(1), reached = 1, drafted = 1;  // expected drafts of the pass
  for (int n = 1; n <= std::min(s.proposed, length - 1); n++) {
    drafted += reached *= agreement(s.match + n - 1);
    const double ms = draft_.ms(n + 1) + (length - drafted) * draft_.ms(1);
    if (ms >= least) continue;
    least = ms;
    choice = {Source::kCascade, length, n};
  }
  return choice;
}

double CostModel::estimated_ms(const RoundCost& round) const {
  const double check_ms = round.check_rows > 0 ? draft_.ms(round.check_rows) : 0;
  return round.draft_steps * draft_.ms(1) + check_ms + verify_.ms(round.drafted + round.unjudged + 1);
}

void CostModel::record(const RoundCost& round) {
  if (round.draft_steps > 0) draft_.add(1, round.draft_ms / round.draft_steps);
  if (round.check_rows > 0) draft_.add(round.check_rows, round.check_ms);
  verify_.add(round.drafted + round.unjudged + 1, round.verify_ms);
  if (!round.by_ngram) {
    odds_.record(round.drafted, round.accepted);
    if (round.drafted > 0) draft_samples_++;
  }
  // By estimates: an interruption is nobody's fault.
  const double ms = estimated_ms(round);
  credit_ms_ += kProbeShare * ms;
  if (!probing_) return;
  probing_ = false;
  const double plain_ms = verify_.ms(1) + (bonus_ ? draft_.ms(1) : 0);
  credit_ms_ -= ms - (round.accepted + 1) * plain_ms;
  const bool hopeful = round.accepted == round.drafted && could_pay(bonus_);
  if (!hopeful) patience_ = std::min(patience_ * 2, kMaxPatience);
  wait_ = hopeful ? kHopefulWait : patience_;
  probe_length_ = hopeful ? 2 * round.drafted : kProbeDraft;
}

}  // namespace ragdraft::spec
