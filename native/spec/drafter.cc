#include "spec/drafter.h"

#include <algorithm>
#include <utility>

namespace ragdraft::spec {

Drafter::Drafter(Lane lane, const RowRules& rules, const DecodeParams& params, int max_draft, bool keeps_rows)
    : lane_(std::move(lane)),
      rules_(rules),
      rng_(params.seed),
      stop_tokens_(params.stop_tokens),
      min_confidence_(params.confidence),
      keeps_rows_(keeps_rows),
      logits_(size_t(lane_.vocab_size())),
      rows_(keeps_rows ? size_t(max_draft + 1) * size_t(rules.valid()) : 0) {}

void Drafter::propose(int count, std::vector<TokenId>& text) {
  answer_ = text.size();
  steps_ = 0;
  for (int i = 0; i < count; i++) {
    next_row(text);
    const TokenId token = pick(i, Position(text.size()));
    text.push_back(token);
    const bool stops = std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
    if (stops || (min_confidence_ > 0 && confidence(i, token) < min_confidence_)) break;
  }
}

void Drafter::look_ahead(std::span<const TokenId> text) { next_row(text); }

void Drafter::next_row(std::span<const TokenId> text) {
  lane_.advance(text.subspan(answer_), 1, logits_.data());
  steps_++;
  rules_.penalize(logits_, text);
  if (!keeps_rows_) return;
  const size_t row = text.size() - answer_, valid = size_t(rules_.valid());
  rules_.distribution(logits_, std::span<float>(rows_).subspan(row * valid, valid));
}

std::span<const float> Drafter::q(int i) const {
  const size_t valid = size_t(rules_.valid());
  return std::span<const float>(rows_).subspan(size_t(i) * valid, valid);
}

TokenId Drafter::pick(int i, Position position) const {
  if (rules_.greedy()) return rules_.best(logits_);
  return expect_token(sampling::sample(q(i), rng_.uniform(position, sampling::Purpose::kDraft)));
}

double Drafter::confidence(int i, TokenId token) const {
  return rules_.greedy() ? rules_.confidence(logits_, token) : q(i)[size_t(token)];
}

}  // namespace ragdraft::spec
