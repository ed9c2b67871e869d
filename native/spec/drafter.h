// The drafter's part of a round: proposes tokens one by one and keeps the distribution q that each was drawn from.
#pragma once
#include <span>
#include <vector>

#include "sampling/rng.h"
#include "spec/lane.h"
#include "spec/row_rules.h"

namespace ragdraft::spec {

class Drafter {
 public:
  // max_draft: 0..16. keeps_rows: whether the law of the mode reads q.
  Drafter(Lane lane, const RowRules& rules, const DecodeParams& params, int max_draft, bool keeps_rows);

  Lane& lane() { return lane_; }
  const Lane& lane() const { return lane_; }

  // Begins a round: appends up to `count` drafts to `text`, the answer. Stops early after a stop token or an unsure one.
  void propose(int count, std::vector<TokenId>& text);

  // One more row: q after the last draft of the round. text: answer and all drafts.
  void look_ahead(std::span<const TokenId> text);

  // q of the i-th position of this round: [valid]. Only where rows are kept.
  std::span<const float> q(int i) const;

  // The token that this model writes at the i-th position of the round, whose row was computed last.
  TokenId pick(int i, Position position) const;

  int steps() const { return steps_; }  // passes in this round

 private:
  void next_row(std::span<const TokenId> text);
  double confidence(int i, TokenId token) const;

  Lane lane_;
  const RowRules& rules_;
  sampling::PositionRng rng_;
  std::vector<TokenId> stop_tokens_;
  double min_confidence_;
  bool keeps_rows_;
  size_t answer_ = 0;           // tokens of the answer before the round
  int steps_ = 0;
  std::vector<float> logits_;   // [vocab]: the last row
  std::vector<float> rows_;     // [max_draft + 1, valid] where kept
};

}  // namespace ragdraft::spec
