#include "ops/cuda/cuda_recordings.h"

#include <algorithm>

namespace ragdraft::ops::cuda {

CudaRecordings::Recording& CudaRecordings::find(const PassShape& shape) {
  auto found = std::find_if(recordings_.begin(), recordings_.end(), [&](const Recording& r) { return r.shape == shape; });
  if (found == recordings_.end()) {
    Recording fresh{shape, false, {nullptr, Release{device_.get()}}, {}, 0};
    if (recordings_.size() < kMost) {
      found = recordings_.insert(found, std::move(fresh));
    } else {
      const auto earlier = [](const Recording& a, const Recording& b) { return a.last_use < b.last_use; };
      found = std::min_element(recordings_.begin(), recordings_.end(), earlier);
      *found = std::move(fresh);
    }
  }
  found->last_use = ++uses_;
  return *found;
}

}  // namespace ragdraft::ops::cuda
