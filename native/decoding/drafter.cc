#include "decoding/drafter.h"

#include <algorithm>
#include <utility>

namespace ragdraft::decoding {

Drafter::Drafter(SequenceState sequence, const RowRules& rules, const DecodeParams& params, int max_draft, bool keeps_rows)
    : sequence_(std::move(sequence)),
      rules_(rules),
      rng_(params.seed),
      stop_tokens_(params.stop_tokens),
      min_confidence_(params.confidence),
      keeps_rows_(keeps_rows),
      logits_(size_t(sequence_.vocab_size())),
      rows_(keeps_rows ? size_t(max_draft + 1) * size_t(rules.valid()) : 0) {}

void Drafter::begin(std::span<const TokenId> text) {
  answer_ = text.size();
  steps_ = 0;
  stopped_ = false;
}

void Drafter::check(std::span<const TokenId> proposal, std::vector<TokenId>& text) {
  const size_t vocab = size_t(sequence_.vocab_size()), rows = proposal.size() + 1;
  if (logits_.size() < rows * vocab) logits_.resize(rows * vocab);
  sequence_.advance(proposal, int(rows), logits_.data());
  for (size_t i = 0; i < rows && !stopped_; i++) {
    take_row(std::span<float>(logits_).subspan(i * vocab, vocab), text);
    if (add_draft(text) != (i < proposal.size() ? proposal[i] : -1)) break;
  }
  sequence_.retract(int(text.size() - answer_) - 1);  // the last draft enters the cache with the next pass, as in write()
}

void Drafter::write(int count, std::vector<TokenId>& text) {
  while (!stopped_ && text.size() < answer_ + size_t(count)) {
    next_row(text);
    add_draft(text);
  }
}

void Drafter::look_ahead(std::span<const TokenId> text) { next_row(text); }

void Drafter::next_row(std::span<const TokenId> text) {
  sequence_.advance(text.subspan(answer_), 1, logits_.data());
  steps_++;
  take_row(std::span<float>(logits_).first(size_t(sequence_.vocab_size())), text);
}

void Drafter::take_row(std::span<float> logits, std::span<const TokenId> text) {
  row_ = logits;
  rules_.penalize(row_, text);
  if (!keeps_rows_) return;
  const size_t row = text.size() - answer_, valid = size_t(rules_.valid());
  rules_.distribution(row_, std::span<float>(rows_).subspan(row * valid, valid));
}

TokenId Drafter::add_draft(std::vector<TokenId>& text) {
  const int i = int(text.size() - answer_);
  const TokenId token = pick(i, Position(text.size()));
  text.push_back(token);
  const bool stops = std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
  stopped_ = stops || (min_confidence_ > 0 && confidence(i, token) < min_confidence_);
  return token;
}

std::span<const float> Drafter::q(int i) const {
  const size_t valid = size_t(rules_.valid());
  return std::span<const float>(rows_).subspan(size_t(i) * valid, valid);
}

TokenId Drafter::pick(int i, Position position) const {
  if (rules_.greedy()) return rules_.best(row_);
  return expect_token(sampling::sample(q(i), rng_.uniform(position, sampling::Purpose::kDraft)));
}

double Drafter::confidence(int i, TokenId token) const {
  return rules_.greedy() ? rules_.confidence(row_, token) : q(i)[size_t(token)];
}

}  // namespace ragdraft::decoding
