#include "decoding/decoder.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/error.h"
#include "decoding/drafter.h"
#include "decoding/ngram.h"
#include "decoding/mode_traits.h"
#include "decoding/verifier.h"

namespace ragdraft::decoding {
namespace {

double steady_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void check_model(const LanguageModel* model, std::span<const TokenId> pending, const char* missing) {
  check(model != nullptr, Code::kInvalidArgument, missing);
  check(model->vocab_size() > 0, Code::kInvalidArgument, "a model has no vocabulary");
  check(!pending.empty(), Code::kInvalidArgument, "a prompt needs at least one pending token");
  for (const TokenId token : pending) {
    check(token >= 0 && token < model->vocab_size(), Code::kInvalidArgument, "a prompt token is outside its model's vocabulary");
  }
}

// Length of the common beginning.
int agreement(std::span<const TokenId> a, std::span<const TokenId> b) {
  return int(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

struct Decoder::Impl {
  Impl(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* drafter, std::vector<TokenId> drafter_pending,
       DecodeParams decode_params, int valid, LanguageModel* guest)
      : params(std::move(decode_params)),
        plan(plan_of(params)),
        rules(params, valid),
        costs(params.costs ? params.costs : std::make_shared<CostModel>()),
        verifier(Lane(*target, std::move(target_pending)), rules, params, plan.law, plan.max_draft),
        ngrams_used(params.ngram && plan.max_draft > 0),
        rounds(params.confidence == 0 && rules.plain_softmax() && valid <= sampling::Rounds::kMostTokens ? params.rounds : nullptr) {
    if (ngrams_used) ngrams.append(params.ngram_source);
    if (!plan.drafts) return;
    const auto join = [&](std::optional<Drafter>& seat, Lane lane) { seat.emplace(std::move(lane), rules, params, plan.max_draft, plan.keeps_q); };
    if (params.shared_cache) join(own, Lane(*drafter, verifier.lane()));
    else join(own, Lane(*drafter, std::move(drafter_pending)));
    if (guest) join(this->guest, Lane(*guest, verifier.lane()));
    this->drafter = this->guest ? &*this->guest : &*own;
  }

  std::span<const TokenId> step();
  void prefill();
  void round();
  Situation settle_drafter(const NgramIndex::Proposal& proposal);
  void note_reading(int tokens, double ms);
  std::optional<TokenId> step_by_step(const Choice& choice, const Situation& at, const NgramIndex::Proposal& proposal, RoundCost& cost);
  std::optional<TokenId> together(const Choice& choice, const Situation& at, RoundCost& cost);
  Situation situation(const NgramIndex::Proposal& proposal) const;
  NgramIndex::Proposal propose();
  void draft(const Choice& choice, const Situation& at, const NgramIndex::Proposal& proposal, RoundCost& cost);
  int judge_drafts(int drafted, bool by_ngram, std::optional<TokenId>& last);
  TokenId bonus(int drafted);
  void commit(int kept, std::optional<TokenId> last);
  void learn(const NgramIndex::Proposal& proposal, std::span<const TokenId> drafts, std::span<const TokenId> written);
  void count(const Choice& choice, const Situation& at, const RoundCost& cost, int ngram_accepted);
  double now_ms() const { return params.now_ms ? params.now_ms() : steady_ms(); }
  bool is_stop(TokenId token) const {
    return std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end();
  }
  static bool fits(const Drafter& drafter) { return drafter.lane().room() >= 0; }
  bool drafter_fits() const { return drafter && fits(*drafter); }
  // Whether the drafter's prompt waits until it is worth reading.
  bool reads_late() const { return params.mode == Mode::kLossless && params.draft_length < 0 && !params.shared_cache; }

  const DecodeParams params;
  const Plan plan;
  const RowRules rules;
  const std::shared_ptr<CostModel> costs;
  Ledger ledger;
  Verifier verifier;  // holds the drafter model in mode rag, where it answers alone
  std::optional<Drafter> own, guest;  // the drafter; one more in the target's cache, where there are two
  Drafter* drafter = nullptr;         // whose turn it is; nullptr: nobody drafts
  bool reading = false;               // `own` reads a chunk of its prompt before this round
  const bool ngrams_used;
  NgramIndex ngrams;
  sampling::Rounds* const rounds;  // nullptr: the host sees to every draft
  std::vector<TokenId> text;  // the answer; within a round followed by the drafts
  size_t answer = 0;          // committed tokens of `text`
  bool prefilled = false;
  Finish finish = Finish::kNone;
  DecodeStats stats;
};

std::span<const TokenId> Decoder::Impl::step() {
  if (finish != Finish::kNone) return {};
  if (verifier.lane().room() < 0 || (plan.needs_q && !drafter_fits())) {
    finish = Finish::kContext;
    return {};
  }
  const size_t before = answer;
  try {
    prefill();
    round();
  } catch (...) {  // an aborted or failed pass leaves the last committed state; randomness is keyed by position: step() may retry
    text.resize(answer);
    verifier.lane().rollback();
    for (std::optional<Drafter>* seat : {&own, &guest}) {
      if (*seat) (*seat)->lane().rollback();
    }
    throw;
  }
  if (finish != Finish::kNone) costs->record_answer(int(answer));
  return std::span<const TokenId>(text).subspan(before);
}

void Decoder::Impl::prefill() {
  if (prefilled) return;
  verifier.lane().prefill();
  if (drafter_fits() && !reads_late()) drafter->lane().prefill();
  prefilled = true;
}

void Decoder::Impl::round() {
  const NgramIndex::Proposal proposal = propose();
  const Situation at = settle_drafter(proposal);
  const int fixed = params.draft_length;
  const Choice choice = fixed >= 0 ? costs->choose_fixed(at, std::min(fixed, at.limit)) : costs->choose(at);
  const bool by_drafter = choice.source == Source::kNone || choice.source == Source::kModel;
  const bool on_device = rounds && by_drafter;
  RoundCost cost;
  const double begin = now_ms();
  const int read = reading ? own->lane().prefill_chunk() : 0;
  const std::optional<TokenId> last = on_device ? together(choice, at, cost) : step_by_step(choice, at, proposal, cost);

  const std::vector<TokenId> drafts(text.begin() + long(answer), text.end());
  const size_t before = answer;
  commit(cost.accepted - (last ? 0 : 1), last);
  learn(proposal, choice.source == Source::kNgram ? std::span<const TokenId>() : drafts, std::span<const TokenId>(text).subspan(before));
  const int agreed = choice.source == Source::kNgram ? cost.accepted : agreement(proposal.tokens.first(size_t(choice.proposal)), drafts);
  if (read > 0) {
    // Passes of two models may overlap on a device: what the round took beyond its own passes is the reading's.
    cost.unclear = true;
    note_reading(read, std::max(0.0, now_ms() - begin - costs->estimated_ms(cost)));
  }
  count(choice, at, cost, agreed);
  stats.rounds_on_device += on_device;
}

// Whose turn the round is, and what is possible in it. A long text is not read in the midst of a round: a chunk of it comes before each
// of those that go on without the reader, so that the answer does, other requests have their turns, and costs can be thought over.
Situation Decoder::Impl::settle_drafter(const NgramIndex::Proposal& proposal) {
  reading = false;
  if (!guest) {
    Situation at = situation(proposal);
    if (!reads_late() || at.behind <= Lane::kChunk) return at;
    const Choice choice = costs->choose(at);
    reading = choice.source == Source::kModel || choice.source == Source::kCascade;
    at.limit = 0;
    return at;
  }
  std::array<Situation, CostModel::kDrafters> candidates;
  const std::array<Drafter*, CostModel::kDrafters> seats{&*guest, &*own};
  for (size_t i = 0; i < seats.size(); i++) {
    drafter = seats[i];
    candidates[i] = situation(proposal);
  }
  int who = costs->choose_drafter(candidates);
  reading = who == 1 && candidates[1].behind > Lane::kChunk;
  if (reading) who = 0;
  costs->use_drafter(who);
  drafter = seats[size_t(who)];
  return candidates[size_t(who)];
}

void Decoder::Impl::note_reading(int tokens, double ms) {
  if (params.draft_length < 0) costs->record_reading(guest ? 1 : 0, tokens, ms);
  stats.read_tokens += tokens;
  stats.read_ms += ms;
}

// Appends the drafts to `text`. Returns the token behind those that stand; none after a drafted stop.
std::optional<TokenId> Decoder::Impl::step_by_step(const Choice& choice, const Situation& at, const NgramIndex::Proposal& proposal,
                                                   RoundCost& cost) {
  draft(choice, at, proposal, cost);
  const double proposed = now_ms();
  cost.drafted = int(text.size() - answer);
  verifier.score(std::span<const TokenId>(text).subspan(answer));
  std::optional<TokenId> last;
  cost.accepted = judge_drafts(cost.drafted, cost.by_ngram, last);
  double bonus_draft_ms = 0;
  const bool drafted_stop = cost.accepted > 0 && is_stop(text[answer + size_t(cost.accepted) - 1]);
  if (!last && !drafted_stop) {
    const double judged = now_ms();
    if (plan.bonus_q) drafter->look_ahead(text);
    bonus_draft_ms = now_ms() - judged;
    last = bonus(cost.drafted);
  }
  cost.draft_steps = drafter ? drafter->steps() : 0;
  cost.draft_ms += bonus_draft_ms;
  cost.verify_ms = now_ms() - proposed - bonus_draft_ms;
  return last;
}

// The same round where the models are: the passes of both are asked for with drafts that nobody knows here, and their outcome is waited for.
// Drafting cannot stop at a stop token: what was drafted behind it is forgotten.
std::optional<TokenId> Decoder::Impl::together(const Choice& choice, const Situation& at, RoundCost& cost) {
  const int steps = choice.length + (plan.bonus_q ? 1 : 0);  // the look ahead cannot wait for the judgement
  const auto drafts = [&](int count) { return std::span<const TokenId>(text).subspan(answer, size_t(count)); };
  if (steps > 0 && at.behind > 2) {
    stats.read_tokens += at.behind - 1;
    drafter->lane().prefill();
  }
  rounds->begin({plan.law, rules.greedy(), plan.keeps_q && steps > 0, rules.valid(), params.seed, rules.temperature(), params.transfer,
                 params.plausibility},
                Position(answer));
  for (int i = 0; i < steps; i++) {
    drafter->lane().advance(drafts(i), 1, nullptr);
    rounds->draft(i);
    text.push_back(unknown_draft(i));
  }
  if (steps > 0) drafter->lane().vacate();
  verifier.lane().advance(drafts(choice.length), choice.length + 1, nullptr);
  const sampling::RoundOutcome outcome = rounds->judge(steps, choice.length + 1);
  cost.draft_steps = steps;
  cost.draft_ms = outcome.draft_ms;
  cost.verify_ms = outcome.verify_ms;

  text.resize(answer);
  while (cost.drafted < choice.length && (cost.drafted == 0 || !is_stop(text.back())))
    text.push_back(expect_token(outcome.draft[size_t(cost.drafted++)]));
  cost.unjudged = choice.length - cost.drafted;
  cost.accepted = std::min(outcome.accepted, cost.drafted);
  if (cost.accepted == cost.drafted && cost.drafted > 0 && is_stop(text.back())) return std::nullopt;
  if (outcome.accepted > choice.length) return outcome.draft[size_t(choice.length)];  // the look ahead's
  return expect_token(outcome.token);
}

// What followed the last tokens before, up to a token that cannot be drafted or ends the answer.
NgramIndex::Proposal Decoder::Impl::propose() {
  if (!ngrams_used) return {};
  NgramIndex::Proposal proposal = ngrams.propose(plan.max_draft);
  for (size_t i = 0; i < proposal.tokens.size(); i++) {
    if (proposal.tokens[i] >= rules.valid()) proposal.tokens = proposal.tokens.first(i);
    else if (is_stop(proposal.tokens[i])) proposal.tokens = proposal.tokens.first(i + 1);
  }
  return proposal;
}

// Drafts keep within max_tokens and both contexts; the round commits at least one token besides them.
Situation Decoder::Impl::situation(const NgramIndex::Proposal& proposal) const {
  const int limit = std::min({plan.max_draft, params.max_tokens - int(answer) - 1, verifier.lane().room()});
  Situation at;
  at.bonus_needs_draft = plan.bonus_q;
  at.looks_ahead = rounds != nullptr;
  const bool is_guest = guest && drafter == &*guest;
  at.draft_share = is_guest ? params.guest_share : params.draft_share;
  at.read_ms = params.read_ms;
  at.written = int(answer);
  at.most_left = params.max_tokens - int(answer);
  at.ledger = &ledger;
  at.match = proposal.match;
  at.proposed = int(proposal.tokens.size());
  // Where the law is the target's, its own token says whether the n-gram's stands: the text is that of plain decoding.
  if (plan.law == Law::kTarget) at.ngram_limit = limit;
  if (!drafter_fits()) return at;
  at.behind = drafter->lane().pending();
  // The last draft enters the drafter's cache only where its row is needed.
  at.limit = std::min(limit, drafter->lane().room() + (plan.bonus_q ? 0 : 1));
  return at;
}

// Appends the drafts of the round to `text`.
void Decoder::Impl::draft(const Choice& choice, const Situation& at, const NgramIndex::Proposal& proposal, RoundCost& cost) {
  if (drafter) drafter->begin(text);
  const auto ngram = proposal.tokens.first(size_t(choice.proposal));
  if (choice.source == Source::kNgram) {
    cost.by_ngram = true;
    text.insert(text.end(), ngram.begin(), ngram.end());
  }
  if (choice.source == Source::kNone || choice.source == Source::kNgram) return;

  const double begin = now_ms();
  if (at.behind > 2) drafter->lane().prefill();  // it sat out some rounds: not a step's cost
  const double ready = now_ms();
  int length = choice.length;
  if (choice.source == Source::kCascade) {
    drafter->check(ngram, text);
    cost.check_rows = int(ngram.size()) + 1;
    cost.check_ms = now_ms() - ready;
    if (params.draft_length < 0) length = costs->extend(at, int(text.size() - answer));
  }
  drafter->write(length, text);
  drafter->lane().vacate();
  const double end = now_ms();
  cost.draft_ms = end - ready - cost.check_ms;
  if (at.behind > 2) note_reading(at.behind - 1, ready - begin);
}

// Returns how many drafts stand. last: what replaces the first rejected one.
int Decoder::Impl::judge_drafts(int drafted, bool by_ngram, std::optional<TokenId>& last) {
  const std::span<const TokenId> all = text;
  for (int i = 0; i < drafted; i++) {
    const auto before = all.first(answer + size_t(i));
    const TokenId draft = all[before.size()];
    Acceptance verdict{};
    if (by_ngram) {
      verdict.token = verifier.draw(i, before);
      verdict.accepted = verdict.token == draft;
    } else {
      verdict = verifier.judge(i, draft, plan.keeps_q ? drafter->q(i) : std::span<const float>(), before);
    }
    if (verdict.accepted) continue;
    last = verdict.token;
    return i;
  }
  return drafted;
}

// The token after a fully accepted draft. With q it is one more drafted position, so that the text does not depend on the
// draft length; else it comes from p alone.
TokenId Decoder::Impl::bonus(int drafted) {
  if (!plan.bonus_q) return verifier.draw(drafted, text);
  const TokenId draft = drafter->pick(drafted, Position(text.size()));
  return verifier.judge(drafted, draft, drafter->q(drafted), text).token;
}

// kept: accepted drafts without a stop token. last: the token after them; none after a drafted stop.
void Decoder::Impl::commit(int kept, std::optional<TokenId> last) {
  const bool stop = !last || is_stop(*last);
  text.resize(answer + size_t(kept));
  if (!stop) text.push_back(*last);
  const auto committed = std::span<const TokenId>(text).subspan(answer);
  verifier.lane().commit(committed, kept);
  for (std::optional<Drafter>* seat : {&own, &guest}) {
    if (*seat) (*seat)->lane().commit(committed, kept);
  }
  if (ngrams_used) ngrams.append(committed);
  answer = text.size();
  stats.decode_tokens = int64_t(answer);
  if (stop) {
    finish = Finish::kStop;
  } else if (answer >= size_t(params.max_tokens)) {
    finish = Finish::kLength;
  }
}

// A proposal is worth knowing about even where it was not used: what was drafted and written there is known now.
void Decoder::Impl::learn(const NgramIndex::Proposal& proposal, std::span<const TokenId> drafts, std::span<const TokenId> written) {
  const auto judged = [&](std::span<const TokenId> tokens) { return int(std::min(proposal.tokens.size(), tokens.size())); };
  costs->record_ngram_drafted(proposal.match, agreement(proposal.tokens, drafts), judged(drafts));
  costs->record_ngram_written(proposal.match, agreement(proposal.tokens, written), judged(written));
}

void Decoder::Impl::count(const Choice& choice, const Situation& at, const RoundCost& cost, int ngram_accepted) {
  costs->record(cost);
  if (params.draft_length < 0) costs->charge(at, cost, ledger);
  stats.rounds++;
  stats.rounds_by_source[size_t(choice.source)]++;
  stats.ngram_proposed += choice.proposal;
  stats.ngram_accepted += ngram_accepted;
  if (choice.source == Source::kModel || choice.source == Source::kCascade) {
    DecodeStats::ByDrafter& of = guest && drafter == &*guest ? stats.by_guest : stats.by_drafter;
    of.rounds++;
    of.drafted += cost.drafted;
    of.accepted += cost.accepted;
  }
  stats.drafted += cost.drafted;
  stats.accepted += cost.accepted;
  for (int i = 0; i < cost.drafted; i++) stats.drafted_by_position[size_t(i)]++;
  for (int i = 0; i < cost.accepted; i++) stats.accepted_by_position[size_t(i)]++;
  stats.draft_ms += cost.draft_ms + cost.check_ms;
  stats.verify_ms += cost.verify_ms;
}

Decoder::Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* drafter,
                 std::vector<TokenId> drafter_pending, DecodeParams params, LanguageModel* guest) {
  validate(params);
  const bool alone = params.mode == Mode::kRag, two = params.mode != Mode::kPlain && !alone;
  if (alone) {  // the drafter takes the target's seat
    target = drafter;
    target_pending = std::move(drafter_pending);
  }
  check_model(target, target_pending, alone ? "mode rag needs a drafter" : "the mode needs a target");
  if (two && params.shared_cache) {
    check(drafter_pending.empty(), Code::kInvalidArgument, "a drafter in the target's cache has no prompt of its own");
    check_model(drafter, target_pending, "the mode needs a drafter");
  } else if (two) {
    check_model(drafter, drafter_pending, "the mode needs a drafter");
  }
  if (guest) {
    check(two && params.mode == Mode::kLossless && params.draft_length < 0 && !params.shared_cache, Code::kInvalidArgument,
          "a guest drafts beside another drafter in lossless answers with automatic draft lengths alone");
    check(guest->vocab_size() == target->vocab_size(), Code::kInvalidArgument, "a guest in the target's cache has its vocabulary");
  }
  const int smallest = two ? std::min(target->vocab_size(), drafter->vocab_size()) : target->vocab_size();
  check(params.valid_tokens <= smallest, Code::kInvalidArgument, "valid_tokens exceeds a model's vocabulary");
  const int valid = params.valid_tokens > 0 ? params.valid_tokens : smallest;
  impl_ = std::make_unique<Impl>(target, std::move(target_pending), drafter, std::move(drafter_pending), std::move(params), valid, guest);
}

Decoder::~Decoder() = default;

std::span<const TokenId> Decoder::step() { return impl_->step(); }
Finish Decoder::finish() const { return impl_->finish; }
const DecodeStats& Decoder::stats() const { return impl_->stats; }
const CostModel& Decoder::costs() const { return *impl_->costs; }

}  // namespace ragdraft::decoding
