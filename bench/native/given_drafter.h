// A drafter whose passes are real, but whose words are given: what it would say is written over its logits. With it, rounds of the decoder
// have any acceptance rate at their real costs.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "decoding/language_model.h"

namespace ragdraft::bench {

// A number in [0, 1) that a position always gets: the finaliser of SplitMix64's 32-bit relative, of Murmur3.
inline double coin(int position) {
  uint32_t x = uint32_t(position + 1) * 0x9e3779b9u;
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return double(x ^ (x >> 16)) / 4294967296.0;
}

class GivenDrafter final : public decoding::LanguageModel {
 public:
  // answer: what the target says without drafts; its token i is drafted rightly where coin(i) < acceptance. base: tokens in the cache before
  // the answer, the pending one of the prompt not among them. model and answer outlive the drafter.
  GivenDrafter(decoding::LanguageModel& model, std::span<const TokenId> answer, double acceptance, int base)
      : model_(model), answer_(answer), acceptance_(acceptance), base_(base) {}

  int vocab_size() const override { return model_.vocab_size(); }
  int length() const override { return model_.length(); }
  int max_length() const override { return model_.max_length(); }
  void truncate(int length) override { model_.truncate(length); }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    model_.forward(tokens, logit_rows, logits);
    for (int row = 0; row < logit_rows; row++) {
      const int next = model_.length() - base_ - logit_rows + row;  // of the answer
      if (next < 0 || next >= int(answer_.size())) continue;
      const TokenId right = answer_[size_t(next)];
      const TokenId said = coin(next) < acceptance_ ? right : (right + 1) % vocab_size();
      float* of_row = logits + ptrdiff_t(row) * vocab_size();
      of_row[said] = *std::max_element(of_row, of_row + vocab_size()) + 1;
    }
  }

 private:
  decoding::LanguageModel& model_;
  const std::span<const TokenId> answer_;
  const double acceptance_;
  const int base_;
};

}  // namespace ragdraft::bench
