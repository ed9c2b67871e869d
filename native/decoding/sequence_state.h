// One model's side of the answer: its cache, and the committed tokens that the cache still lacks.
// Invariant between rounds: cache + pending = prompt + answer. In a round the pending tokens and drafts are appended; commit()
// or rollback() cuts off whatever was not committed.
// A drafter may share the target's cache: then it has no state of its own between rounds, but that of the target's lane.
#pragma once
#include <span>
#include <vector>

#include "decoding/language_model.h"

namespace ragdraft::decoding {

class Lane {
 public:
  // model: outlives the lane; its cache holds the prompt but for `pending`.
  Lane(LanguageModel& model, std::vector<TokenId> pending);
  // A guest in the cache of `owner`, which outlives the lane. model: over the same cache. prefill(), commit() and rollback() come after
  // the owner's.
  Lane(LanguageModel& model, const Lane& owner);

  int vocab_size() const { return model_.vocab_size(); }
  // Committed tokens that the cache lacks: 1 or 2 between rounds, more after rounds without this model.
  int pending() const { return int(pending_.size()); }

  // How many tokens the cache could take beyond the pending ones; negative: not even those fit.
  int room() const;

  static constexpr int kChunk = 256;  // rows of one prefill pass
  // Appends all pending tokens but the last, in chunks, without logits. They must fit.
  void prefill();
  // The first chunk of them alone, as far as they fill one. Returns how many tokens it appended.
  int prefill_chunk();

  // Appends what this round has not appended yet of pending + drafts, and writes the logits of the last `logit_rows` of it, as
  // LanguageModel::forward(). drafts: all tokens proposed so far in this round. There must be something to append.
  void advance(std::span<const TokenId> drafts, int logit_rows, float* logits);

  // Takes back what the round appended beyond the first `drafts` drafts.
  void retract(int drafts);
  // Takes back all of it if the cache is another lane's, who appends next.
  void vacate();

  // Ends the round. committed: `accepted` drafts, then tokens that the cache cannot hold yet.
  void commit(std::span<const TokenId> committed, int accepted);
  // Undoes the round. Also right after a pass that threw half-way.
  void rollback();

 private:
  LanguageModel& model_;
  const Lane* const owner_ = nullptr;  // of the cache, where it is another lane's
  std::vector<TokenId> pending_;
  std::vector<TokenId> batch_;  // reused
  int length_;                  // committed tokens in the cache
  int appended_ = 0;            // of pending + drafts, in this round
};

}  // namespace ragdraft::decoding
