#include "ops/cpu/rope_table.h"

#include <algorithm>
#include <cmath>

namespace ragdraft::ops {

void RopeTable::prepare(std::span<const kv::KvSpan> spans, const Rope& rope) {
  wanted_.clear();
  for (const kv::KvSpan& span : spans) {
    const size_t end = size_t(span.first_row) + size_t(span.rows);
    if (wanted_.size() < end) wanted_.resize(end, -1);
    for (int r = 0; r < span.rows; r++) wanted_[size_t(span.first_row + r)] = span.skipped + span.first_position + r;
  }
  if (wanted_ == positions_ && rope.frequency == frequency_ && rope.magnitude == magnitude_) return;
  positions_ = wanted_;
  frequency_ = rope.frequency;
  magnitude_ = rope.magnitude;
  values_.resize(positions_.size() * 2 * pairs());
  float* value = values_.data();
  for (const Position position : positions_) {
    // In double: at position 100,000 an angle in f32 would be off by 1/256 of a radian.
    for (size_t i = 0; i < pairs(); i++) {
      const double angle = double(position) * frequency_[i];
      value[i] = float(std::cos(angle) * double(magnitude_));
      value[pairs() + i] = float(std::sin(angle) * double(magnitude_));
    }
    value += 2 * pairs();
  }
}

}  // namespace ragdraft::ops
