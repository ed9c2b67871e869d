// A model's part as a drafter in a round: it proposes tokens and keeps the distribution q that each was drawn from. Every draft is a function of
// (seed, position, q) alone, whichever way it came about: check() and write() give the same drafts, at different cost.
#pragma once
#include <span>
#include <vector>

#include "sampling/rng.h"
#include "decoding/row_rules.h"
#include "decoding/sequence_state.h"

namespace ragdraft::decoding {

class Drafter {
 public:
  // max_draft: 0..kMaxDraftTokens. keeps_rows: whether the mode reads q.
  Drafter(SequenceState sequence, const RowRules& rules, const DecodeParams& params, int max_draft, bool keeps_rows);

  SequenceState& sequence() { return sequence_; }
  const SequenceState& sequence() const { return sequence_; }

  // Begins a round. text: the answer.
  void begin(std::span<const TokenId> text);

  // Appends drafts to `text`, the answer, from one pass over `proposal`, up to and including the first that is not the proposal's:
  // 1..proposal.size() + 1 drafts. Directly after begin(); proposal: 1..max_draft - 1 tokens.
  void check(std::span<const TokenId> proposal, std::vector<TokenId>& text);

  // Appends drafts to `text` one by one, until the round has `count`.
  void write(int count, std::vector<TokenId>& text);

  // One more row: q after the last draft of the round. text: answer and all drafts.
  void look_ahead(std::span<const TokenId> text);

  // q of the i-th position of this round: [valid]. Only where rows are kept.
  std::span<const float> q(int i) const;

  // The token that this model writes at the i-th position of the round, whose row was computed last.
  TokenId pick(int i, Position position) const;

  int steps() const { return steps_; }  // passes of one token in this round

 private:
  void next_row(std::span<const TokenId> text);
  void take_row(std::span<float> logits, std::span<const TokenId> text);
  TokenId add_draft(std::vector<TokenId>& text);
  double confidence(int i, TokenId token) const;

  SequenceState sequence_;
  const RowRules& rules_;
  sampling::PositionRng rng_;
  std::vector<TokenId> stop_tokens_;
  double min_confidence_;
  bool keeps_rows_;
  size_t answer_ = 0;  // tokens of the answer before the round
  int steps_ = 0;
  bool stopped_ = false;       // the last draft was a stop token or an unsure one: none follows it
  std::vector<float> logits_;  // [vocab], of check() [proposal + 1, vocab]
  std::span<float> row_;       // the last row, in logits_
  std::vector<float> rows_;    // [max_draft + 1, valid] where kept
};

}  // namespace ragdraft::decoding
