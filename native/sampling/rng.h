// Counter-based random numbers (Philox4x32-10): a pure function of (seed, position, purpose), so that a run is reproducible
// however it was cut into rounds.
#pragma once
#include <cstdint>

#include "base/types.h"

namespace ragdraft::sampling {

enum class Purpose : uint32_t { kDraft = 0, kAccept = 1, kResample = 2 };

class PositionRng {
 public:
  explicit PositionRng(uint64_t seed) : seed_(seed) {}
  // Uniform in (0, 1].
  double uniform(Position position, Purpose purpose) const;

 private:
  uint64_t seed_;
};

}  // namespace ragdraft::sampling
