#include "decoding/sequence_state.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace ragdraft::decoding {

SequenceState::SequenceState(LanguageModel& model, std::vector<TokenId> pending)
    : model_(model), pending_(std::move(pending)), length_(model.length()) {}

SequenceState::SequenceState(LanguageModel& model, const SequenceState& target)
    : model_(model), target_(&target), pending_(target.pending_), length_(target.length_) {}

int SequenceState::capacity_left() const { return model_.max_length() - length_ - int(pending_.size()); }

void SequenceState::prefill() {
  if (target_) return rollback();
  while (pending_.size() > 1) prefill_pass();
}

int SequenceState::prefill_pass() {
  const size_t count = std::min(pending_.size() - 1, size_t(kMaxPassRows));
  model_.forward(std::span<const TokenId>(pending_).first(count), 0, nullptr);
  length_ += int(count);
  pending_.erase(pending_.begin(), pending_.begin() + long(count));
  return int(count);
}

void SequenceState::advance(std::span<const TokenId> drafts, int logit_rows, float* logits) {
  const size_t pending = pending_.size(), done = size_t(appended_);
  batch_.assign(pending_.begin() + long(std::min(done, pending)), pending_.end());
  batch_.insert(batch_.end(), drafts.begin() + long(done > pending ? done - pending : 0), drafts.end());
  check(!batch_.empty(), Code::kInternal, "a model was advanced by no token");
  model_.forward(batch_, logit_rows, logits);
  appended_ += int(batch_.size());
}

void SequenceState::retract(int drafts) {
  const int kept = int(pending_.size()) + drafts;
  if (appended_ <= kept) return;
  appended_ = kept;
  model_.truncate(length_ + kept);
}

void SequenceState::clear_target_cache() {
  if (target_) rollback();
}

void SequenceState::commit(std::span<const TokenId> committed, int accepted) {
  if (target_) return rollback();
  pending_.insert(pending_.end(), committed.begin(), committed.end());
  const int kept = std::min(appended_, int(pending_.size() - committed.size()) + accepted);
  length_ += kept;
  pending_.erase(pending_.begin(), pending_.begin() + kept);
  rollback();
}

void SequenceState::rollback() {
  if (target_) {
    pending_ = target_->pending_;
    length_ = target_->length_;
  }
  if (model_.length() > length_) model_.truncate(length_);
  appended_ = 0;
}

}  // namespace ragdraft::decoding
