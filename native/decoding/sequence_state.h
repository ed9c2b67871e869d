// One model's side of the answer: its cache, and the committed tokens that the cache still lacks.
// Between rounds cache + pending = prompt + answer. In a round the pending tokens and drafts are appended; commit() or rollback() cuts off
// whatever was not committed.
#pragma once
#include <span>
#include <vector>

#include "base/pass_rows.h"
#include "decoding/language_model.h"

namespace ragdraft::decoding {

class SequenceState {
 public:
  // model: outlives this; its cache holds the prompt but for `pending`.
  SequenceState(LanguageModel& model, std::vector<TokenId> pending);
  // The state of a self-drafter, which appends in the target's cache: between rounds it is the target's state. target: outlives this; its
  // prefill(), commit() and rollback() come before this one's. model: over the target's cache.
  SequenceState(LanguageModel& model, const SequenceState& target);

  int vocab_size() const { return model_.vocab_size(); }
  // Committed tokens that the cache lacks: 1 or 2 between rounds, more after rounds without this model.
  int pending() const { return int(pending_.size()); }

  // How many tokens the cache could take beyond the pending ones; negative: not even those fit.
  int capacity_left() const;

  // Appends all pending tokens but the last, in passes of kMaxPassRows, without logits. They must fit.
  void prefill();
  // The first of these passes alone. Returns how many tokens it appended.
  int prefill_pass();

  // Appends what this round has not appended yet of pending + drafts, and writes the logits of the last `logit_rows` of it, as
  // LanguageModel::forward(). drafts: all tokens proposed so far in this round. There must be something to append.
  void advance(std::span<const TokenId> drafts, int logit_rows, float* logits);

  // Takes back what the round appended beyond the first `drafts` drafts.
  void retract(int drafts);
  // Takes back all of it if the cache is the target's, who appends next.
  void clear_target_cache();

  // Ends the round. committed: `accepted` drafts, then tokens that the cache cannot hold yet.
  void commit(std::span<const TokenId> committed, int accepted);
  // Undoes the round. Also right after a pass that threw half-way.
  void rollback();

 private:
  LanguageModel& model_;
  const SequenceState* const target_ = nullptr;  // of a self-drafter
  std::vector<TokenId> pending_;
  std::vector<TokenId> batch_;  // reused
  int length_;                  // committed tokens in the cache
  int appended_ = 0;            // of pending + drafts, in this round
};

}  // namespace ragdraft::decoding
