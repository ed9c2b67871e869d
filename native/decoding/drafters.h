// Who drafts an answer, in which cache, and when its prompt is read. There may be a draft model, which has a prompt and a cache of its own; a
// self-drafter, the target's model, which reads and appends in the target's cache and has no prompt; both, which then take turns; or neither.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "decoding/drafter.h"
#include "decoding/mode_traits.h"

namespace ragdraft::decoding {

class Drafters {
 public:
  // A null model takes no part. pending: what the draft model's cache lacks of its prompt, >= 1 token. target: the state of the cache that the
  // self-drafter appends in. All references outlive this.
  Drafters(LanguageModel* draft_model, std::vector<TokenId> pending, LanguageModel* self_drafter, const SequenceState& target,
           const RowRules& rules, const DecodeParams& params, const ModeTraits& traits, DraftPolicy& costs);

  Drafter* current() { return current_; }  // of this round; nullptr: nobody drafts
  bool self_drafts() const { return self_drafter_ && current_ == &*self_drafter_; }
  // Whether there is a current drafter whose cache can take what it has yet to read.
  bool fits() const { return current_ && current_->sequence().capacity_left() >= 0; }

  // Before the first round: reads the prompt. In kLossless with an automatic length the prompt waits until reading it is expected to pay.
  void prefill();

  // Chooses the drafter of the next round. at: what is possible for the target; returns what is possible with that drafter. A long prompt is
  // not read within one round: read_pass() reads a part of it before each of several rounds that are drafted by the other drafter, or not at
  // all. So the answer goes on meanwhile, other requests have their turns, and costs can be weighed again.
  Situation choose(Situation at);
  // One pass over the draft model's prompt, if choose() has decided on that. Returns how many tokens were read.
  int read_pass() { return reads_ ? draft_model_->sequence().prefill_pass() : 0; }
  int draft_model_index() const { return two() ? 1 : 0; }  // in the draft policy; the self-drafter's is 0

  // Calls end(sequence) for the state of each: the ends of a round, see SequenceState. After the target's.
  template <class End>
  void for_each_sequence(End&& end) {
    for (std::optional<Drafter>* drafter : {&draft_model_, &self_drafter_})
      if (*drafter) end((*drafter)->sequence());
  }

 private:
  bool two() const { return draft_model_ && self_drafter_; }
  // readsLate() of lib/pipeline/answer-question.ts says the same, so that the prompt is not read before.
  bool prompt_waits() const { return params_.mode == Mode::kLossless && params_.draft_length < 0 && draft_model_; }
  Situation with(const Drafter* drafter, Situation at) const;

  const DecodeParams& params_;
  const bool bonus_q_;
  DraftPolicy& costs_;
  std::optional<Drafter> draft_model_, self_drafter_;
  Drafter* current_ = nullptr;
  bool reads_ = false;  // the draft model reads a part of its prompt before this round
};

}  // namespace ragdraft::decoding
