#include "decoding/row_rules.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ragdraft::decoding {

RowRules::RowRules(const DecodeParams& params, int valid)
    : shape_(params.sampling), valid_(valid), greedy_(params.sampling.temperature == 0) {
  if (!greedy_) return;
  // Greedy choices look at the whole vocabulary: truncation never removes the best token, and z_hat ranks logits.
  shape_.temperature = params.transfer_temperature;
  shape_.top_k = 0;
  shape_.top_p = 1;
  shape_.min_p = 0;
}

bool RowRules::plain_softmax() const {
  // Any other option, one that is yet to come included, asks the host as soon as it is not at its default.
  return shape_ == sampling::SamplingParams{.temperature = shape_.temperature, .repetition_window = shape_.repetition_window};
}

void RowRules::penalize(std::span<float> logits, std::span<const TokenId> text) const {
  const size_t window = std::min(text.size(), size_t(shape_.repetition_window));
  sampling::penalize(logits.first(size_t(valid_)), text.last(window), shape_.repetition_penalty);
}

void RowRules::distribution(std::span<const float> logits, std::span<float> out) const {
  sampling::to_distribution(logits, valid_, shape_, out);
}

TokenId RowRules::best(std::span<const float> logits) const { return expect_token(sampling::argmax(logits, valid_)); }

double RowRules::confidence(std::span<const float> logits, TokenId token) const {
  const double own = logits[size_t(token)];
  double sum = 0;
  for (const float l : logits.first(size_t(valid_))) {
    if (!std::isnan(l)) sum += std::exp(float(l - own));
  }
  return 1 / sum;
}

TokenId expect_token(TokenId token) {
  check(token >= 0, Code::kInternal, "the model returned a row of logits without a single finite number");
  return token;
}

}  // namespace ragdraft::decoding
