#include "decoding/policy/draft_policy.h"

#include <algorithm>
#include <limits>

namespace ragdraft::decoding {
namespace {

constexpr int kFirstRounds = 2;  // measured rounds with drafts before costs are trusted: the first one runs cold
constexpr int kExplore = 8;      // every so many rounds with drafts, a length measured too seldom may be tried

constexpr double kDearRow = 0.5;  // what a row more is taken to cost of a pass over one before it is known: more than anywhere measured
constexpr int kLongText = 64;      // tokens whose reading tells what a token takes
constexpr int kShortText = 17;     // tokens that take about as long as one: a pass that is no venture
constexpr int kAtHand = 2;         // tokens that the next draft's pass takes in passing
constexpr double kReadShare = 0.25;     // what a token of a long text is taken to cost of a step, before any was read
constexpr double kChange = 1.05;        // another drafter must promise so much more
constexpr double kLeastLeft = 16;       // tokens that a choice of drafter looks ahead at least
constexpr double kOtherQuestion = 0.8;  // what evidence of a drafter that was not used weighs in the next answer
constexpr double kStale = 0.25;           // what old evidence weighs from then on
constexpr int kMaxPatience = 512;         // rounds between tries: doubled by a failed one up to this,
constexpr int kHopefulWait = 2;           // while one in which all went well is repeated soon, with twice the length
constexpr double kProbeShare = 0.0075;    // of all time, at most, lost by tries: a wrong drafter must not be felt
constexpr double kNgramWeight = 4;        // observations that the target's agreement stands for in the drafter's

}  // namespace

Choice DraftPolicy::choose(const Situation& s) {
  probing_ = false;
  bonus_ = s.bonus_needs_draft;
  const Outlook o = outlook(s);
  const Choice choice = by_drafter(s, o);
  if (s.proposed == 0 || probing_ || !verify_.known(1) || (s.ledger && !verify_.repeated(1))) return choice;
  return with_ngram(s, o, choice);
}

// The drafter token by token, or not at all.
Choice DraftPolicy::by_drafter(const Situation& s, const Outlook& o) {
  const auto draft = [&](int length) { return Choice{Source::kModel, std::min(length, s.limit), 0}; };
  rate_ = o.rate(0);
  if (s.limit <= 0) return {};
  // Costs first: two plain steps, which tell what the answer can bear (the first one may run cold: gains would be reckoned too high), a
  // draft, and a second one because that runs cold too.
  if (!verify_.known(1) || (s.ledger && !verify_.repeated(1))) return {};
  if (drafter().samples < kFirstRounds) {
    int most = 0;
    for (int length = 1; length <= s.limit; length++) most = o.rate(length) > o.rate(most) ? length : most;
    if (!worth_catching_up(s, o, most)) return {};
    for (int length = drafter().samples + 1; length >= 1; length--) {
      if (loss_ms(s, length) <= may_lose_ms(s)) return draft(length);
    }
    return {};
  }

  const int length = best(s, o);
  rate_ = o.rate(length);
  if (length > 0 && !worth_catching_up(s, o, length)) {
    rate_ = o.rate(0);
    return {};
  }
  if (length > 0) {
    drafter().idle = 0;
    if (++drafter().busy < kExplore) return draft(length);
    drafter().busy = 0;
    drafter().wait = drafter().patience = kMinPatience;  // drafting has lasted
    const int other = promising(s, o, length);
    return other > 0 ? draft(other) : Choice{};
  }
  drafter().busy = 0;
  const bool series = drafter().wait == kHopefulWait;
  const bool hopeless = verify_.trusted(kProbeDraft + 1) && !could_pay(s.bonus_needs_draft);
  const int tried = std::min(hopeless ? 1 : drafter().probe_length, s.limit);
  const double lost_ms = loss_ms(s, tried) + catch_up_ms(s, drafter());
  if (++drafter().idle < drafter().wait || (!series && credit_ms_ < lost_ms) || lost_ms > may_lose_ms(s)) return {};
  drafter().idle = 0;
  probing_ = true;
  if (!series) drafter().acceptance.fade(kStale);  // a series adds up
  return draft(tried);
}

DraftPolicy::Outlook DraftPolicy::outlook(const Situation& s, const Record& of) const {
  Outlook o;
  const double step = step_ms(s, of);
  double reached = 1, tokens = 1;  // the bonus or replacement token, then each draft by the probability that it stands
  for (int length = 0; length < kMaxVerifyRows; length++) {
    const size_t i = size_t(length);
    if (length > 0) tokens += reached *= of.acceptance.at(length - 1);
    o.reached[i] = reached;
    o.tokens[i] = tokens;
    o.verify_ms[i] = verify_.ms(length + 1);
    o.draft_ms[i] = (length + (!s.bonus_needs_draft ? 0 : s.looks_ahead ? 1 : reached)) * step;
  }
  return o;
}

double DraftPolicy::Outlook::rate(int length) const {
  const double ms = draft_ms[size_t(length)] + verify_ms[size_t(length)];
  return ms > 0 ? tokens[size_t(length)] / ms : tokens[size_t(length)];  // a clock too coarse to see any cost: more tokens are better
}

// What it takes where nothing is drafted, for each token.
double DraftPolicy::plain_ms(const Situation& s) const { return verify_.ms(1) + (s.bonus_needs_draft ? drafter().draft.ms(1) : 0); }

double DraftPolicy::may_lose_ms(const Situation& s) const {
  if (!s.ledger) return std::numeric_limits<double>::infinity();
  return std::min(s.ledger->may_lose_ms(plain_ms(s)), session_.may_lose_ms(plain_ms(s)));
}

// What a draft of so many tokens costs more than a plain step, if none of them stands.
double DraftPolicy::loss_ms(const Situation& s, int length) const {
  const double step = step_ms(s, drafter());
  return length * step + rows_ms(length) + (s.bonus_needs_draft && !s.looks_ahead ? -step : 0);
}

double DraftPolicy::step_ms(const Situation& s, const Record& of) const {
  return of.draft.known(1) ? of.draft.ms(1) : s.draft_share * verify_.ms(1);
}

// What the drafter takes to read what it lacks.
double DraftPolicy::catch_up_ms(const Situation& s, const Record& of) const {
  if (s.unread <= kAtHand) return 0;
  const double guess = s.read_ms > 0 ? s.read_ms : kReadShare * step_ms(s, of);
  const double least = of.draft.ms(std::min(s.unread, kMaxVerifyRows));  // even a short text takes a pass
  return std::max(least, s.unread * (of.read_ms.known() ? of.read_ms.ms() : guess));
}

// What the answer should still come to: earlier ones tell, and one that has become longer goes on for as long again.
double DraftPolicy::tokens_left(const Situation& s) const {
  const double usual = answers_ > 0 ? answered_ / answers_ : 0;
  return std::min(double(s.most_left), std::max(double(s.written), usual - s.written));
}

// Whether all answers together could bear that a text is read in vain, and drafts be tried afterwards.
bool DraftPolicy::may_read(const Situation& s, double cost_ms) const {
  return session_.may_lose_ms(plain_ms(s)) >= cost_ms + plain_ms(s);
}

// Whether what is saved by drafts of `length` over the rest of the answer is more than the time to read what the drafter lacks.
bool DraftPolicy::worth_catching_up(const Situation& s, const Outlook& o, int length) const {
  if (s.unread <= kAtHand) return true;
  const double cost_ms = catch_up_ms(s, drafter()), saved_ms = tokens_left(s) * (1 / o.rate(0) - 1 / o.rate(length));
  return saved_ms > cost_ms && (s.unread <= kShortText || may_read(s, cost_ms));
}

int DraftPolicy::choose_drafter(std::span<const Situation> candidates) {
  if (!verify_.repeated(1)) return active_ = 0;
  double least_ms = std::numeric_limits<double>::infinity();
  int chosen = active_;
  for (int i = 0; i < int(candidates.size()); i++) {
    const Situation& s = candidates[size_t(i)];
    const Record& record = records_[size_t(i)];
    const double read_ms = catch_up_ms(s, record);
    if (s.limit <= 0 || (s.unread > kShortText && !may_read(s, read_ms))) continue;
    const Outlook o = outlook(s, record);
    double rate = 0;
    for (int length = 0; length <= s.limit; length++) rate = std::max(rate, o.rate(length));
    const double ms = (read_ms + std::max(tokens_left(s), kLeastLeft) / rate) * (i == active_ ? 1 : kChange);
    if (ms >= least_ms) continue;
    least_ms = ms;
    chosen = i;
  }
  return active_ = chosen;
}

void DraftPolicy::record_answer(int tokens) {
  answers_++;
  answered_ += tokens;
  // The one that was not asked may do better with another question.
  for (int i = 0; i < kDrafters; i++) {
    if (i != active_) records_[size_t(i)].acceptance.fade(kOtherQuestion);
  }
}

// What the target's pass over so many drafts costs more than one over none.
double DraftPolicy::rows_ms(int length) const {
  return verify_.sloped() ? verify_.ms(length + 1) - verify_.ms(1) : kDearRow * length * verify_.ms(1);
}

int DraftPolicy::best(const Situation& s, const Outlook& o) const {
  int best = 0;
  for (int length = 1; length <= s.limit && loss_ms(s, length) <= may_lose_ms(s); length++) {
    if (o.rate(length) > o.rate(best)) best = length;
  }
  return best;
}

// A length measured too seldom that could beat `best`; else best. Kernels work in tiles: costs may rise in steps, which no
// line foresees. Plain decoding is among them, being what everything is compared with.
int DraftPolicy::promising(const Situation& s, const Outlook& o, int best) const {
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
bool DraftPolicy::could_pay(bool bonus_needs_draft) const {
  const double extra = bonus_needs_draft ? drafter().draft.ms(1) : 0, plain = extra + verify_.ms(1);
  for (int length = 1; length < kMaxVerifyRows; length++) {
    if ((length + 1) * plain > length * drafter().draft.ms(1) + extra + verify_.ms(length + 1)) return true;
  }
  return false;
}

// Probability that the drafter's token after `match` matching ones is the n-gram's: while it is not asked, what the target does.
double DraftPolicy::agreement(int match) const { return drafter().agrees.at(match, target_agrees_.at(match)); }

// Value of drafting on with `drafted` tokens in hand, what they cost being spent: expected tokens less the worth of the time.
double DraftPolicy::going_on(const Outlook& o, int drafted, int limit, int* best) const {
  double most = 0;
  *best = drafted;
  for (int length = drafted; length <= limit; length++) {
    const size_t i = size_t(length);
    const double value = o.tokens[i] - rate_ * (o.draft_ms[i] - drafted * drafter().draft.ms(1) + o.verify_ms[i]);
    if (length > drafted && value <= most) continue;
    most = value;
    *best = length;
  }
  return most;
}

int DraftPolicy::extend(const Situation& s, int drafted) const {
  int best = drafted, limit = drafted;
  while (limit < s.limit && loss_ms(s, limit + 1) <= may_lose_ms(s)) limit++;
  going_on(outlook(s), drafted, limit, &best);
  return best;
}

// A proposal is at hand: is a round with it worth more than the same time spent on `otherwise`, whose value is 0 by definition?
Choice DraftPolicy::with_ngram(const Situation& s, const Outlook& o, const Choice& otherwise) const {
  Choice choice = otherwise;
  double most = 0;
  double reached = 1, tokens = 1;
  for (int n = 1; n <= std::min(s.proposed, s.ngram_limit) && rows_ms(n) <= may_lose_ms(s); n++) {
    tokens += reached *= target_agrees_.at(s.match + n - 1);
    const double value = tokens - rate_ * o.verify_ms[size_t(n)];
    if (value <= most) continue;
    most = value;
    choice = {Source::kNgram, n, n};
  }
  if (!drafter().draft.known(1)) return choice;
  const double read_ms = catch_up_ms(s, drafter());
  double failed = 0;  // value of the ways in which the proposal breaks off early, each by its probability
  reached = 1;
  for (int n = 1, unused; n <= std::min(s.proposed, s.limit - 1); n++) {
    if (rows_ms(n + 1) + drafter().draft.ms(n + 1) + read_ms > may_lose_ms(s)) break;
    const double stands = agreement(s.match + n - 1);
    failed += reached * (1 - stands) * going_on(o, n, s.limit, &unused);
    reached *= stands;
    const double value = failed + reached * going_on(o, n + 1, s.limit, &unused) - rate_ * (drafter().draft.ms(n + 1) + read_ms);
    if (value <= most) continue;
    most = value;
    choice = {Source::kCascade, s.limit, n};
  }
  return choice;
}

Choice DraftPolicy::choose_fixed(const Situation& s, int length) const {
  Choice choice{length > 0 ? Source::kModel : Source::kNone, length, 0};
  if (!drafter().draft.known(1)) return choice;
  double least = length * drafter().draft.ms(1), reached = 1, drafted = 1;  // expected drafts of the pass
  for (int n = 1; n <= std::min(s.proposed, length - 1); n++) {
    drafted += reached *= agreement(s.match + n - 1);
    const double ms = drafter().draft.ms(n + 1) + (length - drafted) * drafter().draft.ms(1);
    if (ms >= least) continue;
    least = ms;
    choice = {Source::kCascade, length, n};
  }
  return choice;
}

double DraftPolicy::estimated_ms(const RoundCost& round) const {
  const double check_ms = round.check_rows > 0 ? drafter().draft.ms(round.check_rows) : 0;
  return round.draft_steps * drafter().draft.ms(1) + check_ms + verify_.ms(round.drafted + round.unjudged + 1);
}

void DraftPolicy::record(const RoundCost& round) {
  if (!round.unclear) {
    if (round.draft_steps > 0) drafter().draft.add(1, round.draft_ms / round.draft_steps);
    if (round.check_rows > 0) drafter().draft.add(round.check_rows, round.check_ms);
    verify_.add(round.drafted + round.unjudged + 1, round.verify_ms);
  }
  if (!round.by_ngram) {
    drafter().acceptance.record(round.drafted, round.accepted);
    if (round.drafted > 0) drafter().samples++;
  }
  // By estimates: an interruption is nobody's fault.
  const double ms = estimated_ms(round);
  credit_ms_ += kProbeShare * ms;
  const double plain_ms = verify_.ms(1) + (bonus_ ? drafter().draft.ms(1) : 0);
  if (!probing_) return;
  probing_ = false;
  credit_ms_ -= ms - (round.accepted + 1) * plain_ms;
  const bool hopeful = round.accepted == round.drafted && could_pay(bonus_);
  if (!hopeful) drafter().patience = std::min(drafter().patience * 2, kMaxPatience);
  drafter().wait = hopeful ? kHopefulWait : drafter().patience;
  drafter().probe_length = hopeful ? 2 * round.drafted : kProbeDraft;
}

void DraftPolicy::charge(const Situation& s, const RoundCost& round, Ledger& answer) {
  for (Ledger* ledger : {&answer, &session_}) ledger->add(round.accepted + 1, estimated_ms(round), plain_ms(s));
}

void DraftPolicy::record_reading(int drafter, int tokens, double ms) {
  Duration& of_token = records_[size_t(drafter)].read_ms;
  if (tokens >= kLongText) of_token.add(ms / tokens);
  session_.add(0, ms, 0);
  if (credit_ms_ > 0) credit_ms_ = std::max(0.0, credit_ms_ - ms);
}

}  // namespace ragdraft::decoding
