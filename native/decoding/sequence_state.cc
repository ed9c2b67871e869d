#include "decoding/sequence_state.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace ragdraft::decoding {

Lane::Lane(LanguageModel& model, std::vector<TokenId> pending)
    : model_(model), pending_(std::move(pending)), length_(model.length()) {}

Lane::Lane(LanguageModel& model, const Lane& owner) : model_(model), owner_(&owner), pending_(owner.pending_), length_(owner.length_) {}

int Lane::room() const { return model_.max_length() - length_ - int(pending_.size()); }

void Lane::prefill() {
  if (owner_) return rollback();
  while (pending_.size() > 1) prefill_chunk();
}

int Lane::prefill_chunk() {
  const size_t count = std::min(pending_.size() - 1, size_t(kChunk));
  model_.forward(std::span<const TokenId>(pending_).first(count), 0, nullptr);
  length_ += int(count);
  pending_.erase(pending_.begin(), pending_.begin() + long(count));
  return int(count);
}

void Lane::advance(std::span<const TokenId> drafts, int logit_rows, float* logits) {
  const size_t pending = pending_.size(), done = size_t(appended_);
  batch_.assign(pending_.begin() + long(std::min(done, pending)), pending_.end());
  batch_.insert(batch_.end(), drafts.begin() + long(done > pending ? done - pending : 0), drafts.end());
  check(!batch_.empty(), Code::kInternal, "a model was advanced by no token");
  model_.forward(batch_, logit_rows, logits);
  appended_ += int(batch_.size());
}

void Lane::retract(int drafts) {
  const int kept = int(pending_.size()) + drafts;
  if (appended_ <= kept) return;
  appended_ = kept;
  model_.truncate(length_ + kept);
}

void Lane::vacate() {
  if (owner_) rollback();
}

void Lane::commit(std::span<const TokenId> committed, int accepted) {
  if (owner_) return rollback();
  pending_.insert(pending_.end(), committed.begin(), committed.end());
  const int kept = std::min(appended_, int(pending_.size() - committed.size()) + accepted);
  length_ += kept;
  pending_.erase(pending_.begin(), pending_.begin() + kept);
  rollback();
}

void Lane::rollback() {
  if (owner_) {
    pending_ = owner_->pending_;
    length_ = owner_->length_;
  }
  if (model_.length() > length_) model_.truncate(length_);
  appended_ = 0;
}

}  // namespace ragdraft::decoding
