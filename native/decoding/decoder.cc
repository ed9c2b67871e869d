#include "decoding/decoder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "decoding/device_round.h"
#include "decoding/host_round.h"
#include "decoding/ngram.h"

namespace ragdraft::decoding {
namespace {

using Tokens = std::span<const TokenId>;

void check_model(const LanguageModel* model, Tokens pending, const char* missing) {
  check(model != nullptr, Code::kInvalidArgument, missing);
  check(model->vocab_size() > 0, Code::kInvalidArgument, "a model has no vocabulary");
  check(!pending.empty(), Code::kInvalidArgument, "a prompt needs at least one pending token");
  for (const TokenId token : pending) {
    check(token >= 0 && token < model->vocab_size(), Code::kInvalidArgument, "a prompt token is outside its model's vocabulary");
  }
}

// Length of the common beginning.
int agreement(Tokens a, Tokens b) { return int(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin()); }

}  // namespace

struct Decoder::Impl {
  template <class... Arguments>
  explicit Impl(Arguments&&... arguments) : round(std::forward<Arguments>(arguments)...) {
    if (ngrams_used) ngrams.append(round.params.ngram_source);
  }

  Tokens step();
  void run_round();
  NgramIndex::Proposal propose();
  Situation possible(const NgramIndex::Proposal& proposal) const;
  void learn(const NgramIndex::Proposal& proposal, Tokens drafts, Tokens written);

  Round round;
  Ledger ledger;
  NgramIndex ngrams;
  const bool ngrams_used = round.params.ngram && round.traits.max_draft > 0;
  const bool device_allowed = may_run_on_device(round);
  bool prefilled = false;
  Finish finish = Finish::kNone;
};

Tokens Decoder::Impl::step() {
  if (finish != Finish::kNone) return {};
  if (round.verifier.sequence().capacity_left() < 0 || (round.traits.needs_q && !round.drafters.fits())) {
    finish = Finish::kContext;
    return {};
  }
  const size_t before = round.committed;
  try {
    if (!prefilled) {
      round.verifier.sequence().prefill();
      round.drafters.prefill();
      prefilled = true;
    }
    run_round();
  } catch (...) {
    round.rollback();
    throw;
  }
  if (finish != Finish::kNone) round.costs->record_answer(int(round.committed));
  return Tokens(round.text).subspan(before);
}

void Decoder::Impl::run_round() {
  CostModel& costs = *round.costs;
  const NgramIndex::Proposal proposal = propose();
  const Situation at = round.drafters.choose(possible(proposal));
  const int fixed = round.params.draft_length;
  const Choice choice = fixed >= 0 ? costs.choose_fixed(at, std::min(fixed, at.limit)) : costs.choose(at);
  const Tokens ngram = proposal.tokens.first(size_t(choice.proposal));
  const bool on_device = device_allowed && (choice.source == Source::kNone || choice.source == Source::kModel);

  const double begin = round.params.now_ms();
  const int read = round.drafters.read_pass();
  RoundResult result = on_device ? device_round(round, choice, at) : host_round(round, choice, at, ngram);
  RoundCost& cost = result.cost;

  const std::vector<TokenId> drafts(round.drafts().begin(), round.drafts().end());
  const Tokens written = round.commit(result);
  if (!result.next || round.is_stop(*result.next)) finish = Finish::kStop;
  else if (round.committed >= size_t(round.params.max_tokens)) finish = Finish::kLength;

  const bool by_ngram = choice.source == Source::kNgram;
  if (ngrams_used) ngrams.append(written);
  learn(proposal, by_ngram ? Tokens() : drafts, written);
  if (read > 0) {
    // Passes of two models may overlap on a device: what the round took beyond its own passes is the reading's.
    cost.unclear = true;
    round.record_reading(read, std::max(0.0, round.params.now_ms() - begin - costs.estimated_ms(cost)));
  }
  costs.record(cost);
  if (fixed < 0) costs.charge(at, cost, ledger);
  DecodeStats& stats = round.stats;
  DecodeStats::OfDrafter& of = round.drafters.self_drafts() ? stats.self_drafter : stats.draft_model;
  stats.count(choice, cost, by_ngram ? cost.accepted : agreement(ngram, drafts), of);
  stats.rounds_on_device += on_device;
}

// What followed the last tokens before, up to a token that cannot be drafted or ends the answer.
NgramIndex::Proposal Decoder::Impl::propose() {
  if (!ngrams_used) return {};
  NgramIndex::Proposal proposal = ngrams.propose(round.traits.max_draft);
  for (size_t i = 0; i < proposal.tokens.size(); i++) {
    if (proposal.tokens[i] >= round.rules.valid()) proposal.tokens = proposal.tokens.first(i);
    else if (round.is_stop(proposal.tokens[i])) proposal.tokens = proposal.tokens.first(i + 1);
  }
  return proposal;
}

// Before a drafter is chosen: drafts keep within max_tokens and the target's context; the round commits at least one token besides them.
Situation Decoder::Impl::possible(const NgramIndex::Proposal& proposal) const {
  Situation at;
  at.most_left = round.params.max_tokens - int(round.committed);
  at.limit = std::min({round.traits.max_draft, at.most_left - 1, round.verifier.sequence().capacity_left()});
  at.bonus_needs_draft = round.traits.bonus_q;
  at.looks_ahead = device_allowed;
  at.written = int(round.committed);
  at.ledger = &ledger;
  at.match = proposal.match;
  at.proposed = int(proposal.tokens.size());
  // Where the output distribution is the target's, its own token says whether the n-gram's stands: the text is that of plain decoding.
  if (round.traits.output == OutputDistribution::kTarget) at.ngram_limit = at.limit;
  return at;
}

// A proposal is worth knowing about even where it was not used: what was drafted and written there is known now.
void Decoder::Impl::learn(const NgramIndex::Proposal& proposal, Tokens drafts, Tokens written) {
  const auto judged = [&](Tokens tokens) { return int(std::min(proposal.tokens.size(), tokens.size())); };
  round.costs->record_ngram_drafted(proposal.match, agreement(proposal.tokens, drafts), judged(drafts));
  round.costs->record_ngram_written(proposal.match, agreement(proposal.tokens, written), judged(written));
}

Decoder::Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* draft_model, std::vector<TokenId> draft_pending,
                 DecodeParams params, LanguageModel* self_drafter) {
  constexpr Code kBad = Code::kInvalidArgument;
  validate(params);
  const bool rag = params.mode == Mode::kRag, drafts = params.mode != Mode::kPlain && !rag;
  if (rag) {  // the draft model answers alone, in the target's place
    target = std::exchange(draft_model, nullptr);
    target_pending = std::exchange(draft_pending, {});
  }
  check_model(target, target_pending, rag ? "mode rag needs a draft model" : "the mode needs a target");
  int smallest = target->vocab_size();
  if (self_drafter) {
    check(params.mode == Mode::kLossless, kBad, "only lossless answers may be drafted in the target's cache");
    check(self_drafter->vocab_size() == smallest, kBad, "a self-drafter has the target's vocabulary");
    check(!draft_model || params.draft_length < 0, kBad, "two drafters take turns only where draft lengths are automatic");
    check(draft_model || draft_pending.empty(), kBad, "a self-drafter has no prompt of its own");
  }
  if (drafts && (draft_model || !self_drafter)) {
    check_model(draft_model, draft_pending, "the mode needs a drafter");
    smallest = std::min(smallest, draft_model->vocab_size());
  }
  check(params.valid_tokens <= smallest, kBad, "valid_tokens exceeds a model's vocabulary");
  const int valid = params.valid_tokens > 0 ? params.valid_tokens : smallest;
  impl_ = std::make_unique<Impl>(*target, std::move(target_pending), draft_model, std::move(draft_pending), self_drafter, std::move(params), valid);
}

Decoder::~Decoder() = default;

std::span<const TokenId> Decoder::step() { return impl_->step(); }
Finish Decoder::finish() const { return impl_->finish; }
const DecodeStats& Decoder::stats() const { return impl_->round.stats; }
const CostModel& Decoder::costs() const { return *impl_->round.costs; }

}  // namespace ragdraft::decoding
