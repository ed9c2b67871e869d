#include "decoding/decoder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

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

// Throws kInvalidArgument unless the mode can be run with these.
Models checked(Models m, const DecodeParams& params) {
  constexpr Code kBad = Code::kInvalidArgument;
  validate(params);
  const bool rag = params.mode == Mode::kRag, drafts = params.mode != Mode::kPlain && !rag;
  if (rag) {  // the draft model answers alone, in the target's place
    m.target = std::exchange(m.draft_model, nullptr);
    m.target_pending = std::exchange(m.draft_pending, {});
  }
  check_model(m.target, m.target_pending, rag ? "mode rag needs a draft model" : "the mode needs a target");
  int smallest = m.target->vocab_size();
  if (m.self_drafter) {
    check(params.mode == Mode::kLossless, kBad, "only lossless answers may be drafted in the target's cache");
    check(m.self_drafter->vocab_size() == smallest, kBad, "a self-drafter has the target's vocabulary");
    check(!m.draft_model || params.draft_length < 0, kBad, "two drafters take turns only where draft lengths are automatic");
    check(m.draft_model || m.draft_pending.empty(), kBad, "a self-drafter has no prompt of its own");
  }
  if (drafts && (m.draft_model || !m.self_drafter)) {
    check_model(m.draft_model, m.draft_pending, "the mode needs a drafter");
    smallest = std::min(smallest, m.draft_model->vocab_size());
  }
  check(params.valid_tokens <= smallest, kBad, "valid_tokens exceeds a model's vocabulary");
  m.valid = params.valid_tokens > 0 ? params.valid_tokens : smallest;
  return m;
}

}  // namespace

Decoder::Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* draft_model, std::vector<TokenId> draft_pending,
                 DecodeParams params, LanguageModel* self_drafter)
    : round_(checked({target, std::move(target_pending), draft_model, std::move(draft_pending), self_drafter, 0}, params), params),
      ngrams_used_(params.ngram && round_.traits.max_draft > 0),
      device_allowed_(may_run_on_device(round_)) {
  if (ngrams_used_) ngrams_.append(params.ngram_source);
}

Tokens Decoder::step() {
  if (finish_ != Finish::kNone) return {};
  if (round_.verifier.sequence().capacity_left() < 0 || (round_.traits.needs_q && !round_.drafters.fits())) {
    finish_ = Finish::kContext;
    return {};
  }
  const size_t before = round_.committed;
  try {
    if (!prefilled_) {
      round_.verifier.sequence().prefill();
      round_.drafters.prefill();
      prefilled_ = true;
    }
    run_round();
  } catch (...) {
    round_.rollback();
    throw;
  }
  if (finish_ != Finish::kNone) round_.costs->record_answer(int(round_.committed));
  return Tokens(round_.text).subspan(before);
}

void Decoder::run_round() {
  DraftPolicy& costs = *round_.costs;
  const NgramIndex::Proposal proposal = propose();
  const Situation at = round_.drafters.choose(possible(proposal));
  const int fixed = round_.params.draft_length;
  const Choice choice = fixed >= 0 ? costs.choose_fixed(at, std::min(fixed, at.limit)) : costs.choose(at);
  const Tokens ngram = proposal.tokens.first(size_t(choice.proposal));
  const bool on_device = device_allowed_ && (choice.source == Source::kNone || choice.source == Source::kModel);

  const double begin = round_.params.now_ms();
  const int read = round_.drafters.read_pass();
  RoundResult result = on_device ? device_round(round_, choice, at) : host_round(round_, choice, at, ngram);
  RoundCost& cost = result.cost;

  const std::vector<TokenId> drafts(round_.drafts().begin(), round_.drafts().end());
  const Tokens written = round_.commit(result);
  if (!result.next || round_.is_stop(*result.next)) finish_ = Finish::kStop;
  else if (round_.committed >= size_t(round_.params.max_tokens)) finish_ = Finish::kLength;

  const bool by_ngram = choice.source == Source::kNgram;
  if (ngrams_used_) ngrams_.append(written);
  learn(proposal, by_ngram ? Tokens() : drafts, written);
  if (read > 0) {
    // Passes of two models may overlap on a device: what the round took beyond its own passes is the reading's.
    cost.unclear = true;
    round_.record_reading(read, std::max(0.0, round_.params.now_ms() - begin - costs.estimated_ms(cost)));
  }
  costs.record(cost);
  if (fixed < 0) costs.charge(at, cost, ledger_);
  DecodeStats& stats = round_.stats;
  DecodeStats::OfDrafter& of = round_.drafters.self_drafts() ? stats.self_drafter : stats.draft_model;
  stats.count(choice, cost, by_ngram ? cost.accepted : agreement(ngram, drafts), of);
  stats.rounds_on_device += on_device;
}

// What followed the last tokens before, up to a token that cannot be drafted or ends the answer.
NgramIndex::Proposal Decoder::propose() {
  if (!ngrams_used_) return {};
  NgramIndex::Proposal proposal = ngrams_.propose(round_.traits.max_draft);
  for (size_t i = 0; i < proposal.tokens.size(); i++) {
    if (proposal.tokens[i] >= round_.rules.valid()) proposal.tokens = proposal.tokens.first(i);
    else if (round_.is_stop(proposal.tokens[i])) proposal.tokens = proposal.tokens.first(i + 1);
  }
  return proposal;
}

// Before a drafter is chosen: drafts keep within max_tokens and the target's context; the round commits at least one token besides them.
Situation Decoder::possible(const NgramIndex::Proposal& proposal) const {
  Situation at;
  at.most_left = round_.params.max_tokens - int(round_.committed);
  at.limit = std::min({round_.traits.max_draft, at.most_left - 1, round_.verifier.sequence().capacity_left()});
  at.bonus_needs_draft = round_.traits.bonus_q;
  at.looks_ahead = device_allowed_;
  at.written = int(round_.committed);
  at.ledger = &ledger_;
  at.match = proposal.match;
  at.proposed = int(proposal.tokens.size());
  // Where the output distribution is the target's, its own token says whether the n-gram's stands: the text is that of plain decoding.
  if (round_.traits.output == OutputDistribution::kTarget) at.ngram_limit = at.limit;
  return at;
}

// A proposal is worth knowing about even where it was not used: what was drafted and written there is known now.
void Decoder::learn(const NgramIndex::Proposal& proposal, Tokens drafts, Tokens written) {
  const auto judged = [&](Tokens tokens) { return int(std::min(proposal.tokens.size(), tokens.size())); };
  round_.costs->record_ngram_drafted(proposal.match, agreement(proposal.tokens, drafts), judged(drafts));
  round_.costs->record_ngram_written(proposal.match, agreement(proposal.tokens, written), judged(written));
}

}  // namespace ragdraft::decoding
