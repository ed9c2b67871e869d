// What a row of logits turns into, for target and drafter alike: penalised logits, a distribution, a greedy choice.
#pragma once
#include <span>

#include "sampling/sampler.h"
#include "decoding/decode_params.h"

namespace ragdraft::decoding {

class RowRules {
 public:
  // valid: tokens of the vocabulary without padding.
  RowRules(const DecodeParams& params, int valid);

  int valid() const { return valid_; }
  bool greedy() const { return greedy_; }
  // Whether rows are neither penalised nor truncated: a distribution is the softmax at `temperature()` of all logits.
  bool plain_softmax() const;
  double temperature() const { return shape_.temperature; }

  // The repetition penalty. text: answer and drafts before the row. logits: [>= valid].
  void penalize(std::span<float> logits, std::span<const TokenId> text) const;

  // The distribution that is sampled from, or greedy: the one at the transfer temperature. logits: [>= valid], out: [valid].
  void distribution(std::span<const float> logits, std::span<float> out) const;

  // The greedy choice. Throws kInternal if no logit is a number.
  TokenId best(std::span<const float> logits) const;

  // Probability of `token` at temperature 1 without truncation.
  double confidence(std::span<const float> logits, TokenId token) const;

 private:
  sampling::SamplingParams shape_;
  int valid_;
  bool greedy_;
};

// Throws kInternal for the -1 that "no token is left" is written as.
TokenId expect_token(TokenId token);

}  // namespace ragdraft::decoding
