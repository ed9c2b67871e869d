#include "decoding/verifier.h"

#include <utility>

namespace ragdraft::decoding {

using sampling::Purpose;

Verifier::Verifier(SequenceState sequence, const RowRules& rules, const DecodeParams& params, OutputDistribution output, int max_draft)
    : sequence_(std::move(sequence)),
      rules_(rules),
      rng_(params.seed),
      output_(output),
      step_{params.transfer, params.plausibility},
      tau_(params.transfer_temperature),
      logits_(size_t(max_draft + 1) * size_t(sequence_.vocab_size())),
      p_(size_t(rules.valid())),
      target_(output == OutputDistribution::kTarget ? 0 : size_t(rules.valid())),
      scratch_(size_t(rules.valid())) {}

void Verifier::score(std::span<const TokenId> drafts) { sequence_.advance(drafts, int(drafts.size()) + 1, logits_.data()); }

Acceptance Verifier::judge(int i, TokenId draft, std::span<const float> q, std::span<const TokenId> text) {
  const auto logits = row(i, text);
  if (rules_.greedy()) {
    const TokenId token = best(logits, q);
    return {token, token == draft};
  }
  rules_.distribution(logits, p_);
  std::span<const float> target = p_;
  if (output_ != OutputDistribution::kTarget) {
    transfer<float>(p_, q, step_, target_);
    if (output_ == OutputDistribution::kPaper) paper_distribution<float>(p_, q, target_);
    target = target_;
  }
  const Acceptance verdict = accept(draft, q, target, Position(text.size()), rng_, scratch_);
  return {expect_token(verdict.token), verdict.accepted};
}

TokenId Verifier::draw(int i, std::span<const TokenId> text) {
  const auto logits = row(i, text);
  if (rules_.greedy()) return rules_.best(logits);
  rules_.distribution(logits, p_);
  return expect_token(sampling::sample(p_, rng_.uniform(Position(text.size()), Purpose::kResample)));
}

std::span<float> Verifier::row(int i, std::span<const TokenId> text) {
  const size_t vocab = size_t(sequence_.vocab_size());
  const auto logits = std::span<float>(logits_).subspan(size_t(i) * vocab, vocab);
  rules_.penalize(logits, text);
  return logits;
}

TokenId Verifier::best(std::span<const float> logits, std::span<const float> q) {
  if (output_ == OutputDistribution::kTarget) return rules_.best(logits);
  rules_.distribution(logits, p_);
  return expect_token(transfer_argmax(logits, p_, q, step_, tau_));
}

}  // namespace ragdraft::decoding
