// cos and sin of the rows of a batch. All layers of a forward pass rotate by the same angles: they are computed once.
#pragma once
#include <span>
#include <vector>

#include "ops/backend.h"

namespace ragdraft::ops {

class RopeTable {
 public:
  // Makes the table hold the rows of `spans`. Does nothing if it does already.
  void prepare(std::span<const kv::KvSpan> spans, const Rope& rope);

  size_t pairs() const { return frequency_.size(); }
  // Of a row of the batch: [pairs] each, times the rope's magnitude.
  const float* cosines(size_t row) const { return values_.data() + row * 2 * pairs(); }
  const float* sines(size_t row) const { return cosines(row) + pairs(); }

 private:
  // What values_ was computed for.
  std::vector<Position> positions_;  // of every row of the batch; -1 where no span has it
  std::vector<double> frequency_;
  float magnitude_ = 0;

  std::vector<Position> wanted_;  // positions of the call in progress
  std::vector<float> values_;     // [row][cos, sin][pair]
};

}  // namespace ragdraft::ops
