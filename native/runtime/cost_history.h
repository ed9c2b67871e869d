// What answers to one document have measured, for the ones that follow. Shared by a sequence and its forks. JavaScript thread only;
// the draft policies themselves, and what reading took, belong to the engine thread, where rounds never overlap.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "decoding/policy/draft_policy.h"

namespace ragdraft::runtime {

class CostHistory {
 public:
  // The draft policy of answers with this drafter; variant: whatever else tells them apart (mode, number of bits).
  std::shared_ptr<decoding::DraftPolicy> of(const std::shared_ptr<const void>& drafter, int variant) {
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(), [](const Entry& e) { return e.drafter.expired(); }), entries_.end());
    for (const Entry& entry : entries_) {
      if (entry.variant == variant && entry.drafter.lock() == drafter) return entry.costs;
    }
    entries_.push_back({drafter, variant, std::make_shared<decoding::DraftPolicy>()});
    return entries_.back().costs;
  }

  // What reading the document took for a token, in ms; 0: it was not measured.
  double read_ms() const { return read_ms_; }
  void record_reading(double ms) { read_ms_ = ms; }

 private:
  struct Entry {
    std::weak_ptr<const void> drafter;
    int variant;
    std::shared_ptr<decoding::DraftPolicy> costs;
  };
  std::vector<Entry> entries_;
  std::atomic<double> read_ms_ = 0;
};

}  // namespace ragdraft::runtime
