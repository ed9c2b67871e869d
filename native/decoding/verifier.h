// The target's part of a round: scores all drafts in one pass, then judges them position by position under the output distribution of the mode.
#pragma once
#include <span>
#include <vector>

#include "sampling/rng.h"
#include "decoding/accept.h"
#include "decoding/mode_traits.h"
#include "decoding/row_rules.h"
#include "decoding/sequence_state.h"
#include "decoding/transfer.h"

namespace ragdraft::decoding {

class Verifier {
 public:
  // max_draft: 0..kMaxDraftTokens.
  Verifier(SequenceState sequence, const RowRules& rules, const DecodeParams& params, OutputDistribution output, int max_draft);

  SequenceState& sequence() { return sequence_; }
  const SequenceState& sequence() const { return sequence_; }

  // Runs the target over its pending token and the drafts: drafts + 1 rows of logits.
  void score(std::span<const TokenId> drafts);

  // Judges `draft` at the i-th row of the last score(). q: the drafter's distribution there; unused (may be empty) where the
  // choices are greedy and the output is kTarget. text: the answer and the drafts before the row; its length is the position. Each row once.
  Acceptance judge(int i, TokenId draft, std::span<const float> q, std::span<const TokenId> text);

  // The token of the i-th row without a drafter: from p alone. What an n-gram says there stands if it is this token.
  TokenId draw(int i, std::span<const TokenId> text);

 private:
  std::span<float> row(int i, std::span<const TokenId> text);
  TokenId best(std::span<const float> logits, std::span<const float> q);

  SequenceState sequence_;
  const RowRules& rules_;
  sampling::PositionRng rng_;
  OutputDistribution output_;
  Transfer step_;
  double tau_;
  std::vector<float> logits_;             // [max_draft + 1, vocab]
  std::vector<float> p_, target_, scratch_;  // [valid] each
};

}  // namespace ragdraft::decoding
