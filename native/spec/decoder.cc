#include "spec/decoder.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/error.h"
#include "spec/draft_length.h"
#include "spec/drafter.h"
#include "spec/plan.h"
#include "spec/verifier.h"

namespace ragdraft::spec {
namespace {

double now_ms() {
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

}  // namespace

struct Decoder::Impl {
  Impl(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* drafter, std::vector<TokenId> drafter_pending,
       DecodeParams decode_params, int valid)
      : params(std::move(decode_params)),
        plan(plan_of(params)),
        rules(params, valid),
        verifier(Lane(*target, std::move(target_pending)), rules, params, plan.law, plan.max_draft),
        lengths(plan.max_draft, plan.bonus_q) {
    if (plan.drafts) {
      this->drafter.emplace(Lane(*drafter, std::move(drafter_pending)), rules, params, plan.max_draft, plan.keeps_q);
    }
  }

  std::span<const TokenId> step();
  void prefill();
  void round();
  int draft_limit() const;
  int judge_drafts(int drafted, std::optional<TokenId>& last);
  TokenId bonus(int drafted);
  void commit(int kept, std::optional<TokenId> last);
  void count(const RoundCost& cost, double catch_up_ms);
  bool is_stop(TokenId token) const {
    return std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end();
  }
  bool drafter_fits() const { return drafter && drafter->lane().room() >= 0; }

  const DecodeParams params;
  const Plan plan;
  const RowRules rules;
  Verifier verifier;  // holds the drafter model in mode rag, where it answers alone
  std::optional<Drafter> drafter;
  DraftLength lengths;
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
    if (drafter) drafter->lane().rollback();
    throw;
  }
  return std::span<const TokenId>(text).subspan(before);
}

void Decoder::Impl::prefill() {
  if (prefilled) return;
  verifier.lane().prefill();
  if (drafter_fits()) drafter->lane().prefill();
  prefilled = true;
}

void Decoder::Impl::round() {
  const int limit = draft_limit();
  const int length = params.draft_length >= 0 ? std::min(params.draft_length, limit) : lengths.choose(limit);

  const double begin = now_ms();
  if (length > 0 && drafter->lane().pending() > 2) drafter->lane().prefill();  // it sat out some rounds: not a step's cost
  const double ready = now_ms();
  if (drafter) drafter->propose(length, text);
  const double proposed = now_ms();
  const int drafted = int(text.size() - answer);
  verifier.score(std::span<const TokenId>(text).subspan(answer));
  std::optional<TokenId> last;
  const int accepted = judge_drafts(drafted, last);
  double bonus_draft_ms = 0;
  const bool drafted_stop = accepted > 0 && is_stop(text[answer + size_t(accepted) - 1]);
  if (!last && !drafted_stop) {
    const double judged = now_ms();
    if (plan.bonus_q) drafter->look_ahead(text);
    bonus_draft_ms = now_ms() - judged;
    last = bonus(drafted);
  }
  const double end = now_ms();

  RoundCost cost;
  cost.drafted = drafted;
  cost.accepted = accepted;
  cost.draft_steps = drafter ? drafter->steps() : 0;
  cost.draft_ms = proposed - ready + bonus_draft_ms;
  cost.verify_ms = end - proposed - bonus_draft_ms;
  count(cost, ready - begin);
  commit(accepted - (drafted_stop ? 1 : 0), last);
}

// The longest draft that keeps within max_tokens and both contexts; the round commits at least one token besides the drafts.
int Decoder::Impl::draft_limit() const {
  if (!drafter_fits()) return 0;
  const int tokens_left = params.max_tokens - int(answer) - 1;
  // The last draft enters the drafter's cache only where its row is needed.
  const int drafter_room = drafter->lane().room() + (plan.bonus_q ? 0 : 1);
  return std::min({plan.max_draft, tokens_left, verifier.lane().room(), drafter_room});
}

// Returns how many drafts stand. last: what replaces the first rejected one.
int Decoder::Impl::judge_drafts(int drafted, std::optional<TokenId>& last) {
  const std::span<const TokenId> all = text;
  for (int i = 0; i < drafted; i++) {
    const auto before = all.first(answer + size_t(i));
    const auto q = plan.keeps_q ? drafter->q(i) : std::span<const float>();
    const Acceptance verdict = verifier.judge(i, all[before.size()], q, before);
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
  if (drafter) drafter->lane().commit(committed, kept);
  answer = text.size();
  stats.decode_tokens = int64_t(answer);
  if (stop) {
    finish = Finish::kStop;
  } else if (answer >= size_t(params.max_tokens)) {
    finish = Finish::kLength;
  }
}

void Decoder::Impl::count(const RoundCost& cost, double catch_up_ms) {
  lengths.record(cost);
  stats.rounds++;
  stats.drafted += cost.drafted;
  stats.accepted += cost.accepted;
  for (int i = 0; i < cost.drafted; i++) stats.drafted_by_position[size_t(i)]++;
  for (int i = 0; i < cost.accepted; i++) stats.accepted_by_position[size_t(i)]++;
  stats.draft_ms += cost.draft_ms + catch_up_ms;
  stats.verify_ms += cost.verify_ms;
}

Decoder::Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* drafter,
                 std::vector<TokenId> drafter_pending, DecodeParams params) {
  validate(params);
  const bool alone = params.mode == Mode::kRag, two = params.mode != Mode::kPlain && !alone;
  if (alone) {  // the drafter takes the target's seat
    target = drafter;
    target_pending = std::move(drafter_pending);
  }
  check_model(target, target_pending, alone ? "mode rag needs a drafter" : "the mode needs a target");
  if (two) check_model(drafter, drafter_pending, "the mode needs a drafter");
  const int smallest = two ? std::min(target->vocab_size(), drafter->vocab_size()) : target->vocab_size();
  check(params.valid_tokens <= smallest, Code::kInvalidArgument, "valid_tokens exceeds a model's vocabulary");
  const int valid = params.valid_tokens > 0 ? params.valid_tokens : smallest;
  impl_ = std::make_unique<Impl>(target, std::move(target_pending), drafter, std::move(drafter_pending), std::move(params), valid);
}

Decoder::~Decoder() = default;

std::span<const TokenId> Decoder::step() { return impl_->step(); }
Finish Decoder::finish() const { return impl_->finish; }
const DecodeStats& Decoder::stats() const { return impl_->stats; }

}  // namespace ragdraft::spec
