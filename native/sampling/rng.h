// Counter-based random numbers (Philox4x32-10): a pure function of (seed, position, purpose), so that a run is reproducible
// however it was cut into rounds, and whoever draws.
#pragma once
#include <cstdint>

#include "base/host_device.h"
#include "base/types.h"
#include "sampling/philox.h"

namespace ragdraft::sampling {

enum class Purpose : uint32_t { kDraft = 0, kAccept = 1, kResample = 2 };

class PositionRng {
 public:
  RAGDRAFT_HOST_DEVICE explicit PositionRng(uint64_t seed) : seed_(seed) {}
  // Uniform in (0, 1].
  RAGDRAFT_HOST_DEVICE double uniform(Position position, Purpose purpose) const {
    const PhiloxWords words = philox4x32({{uint32_t(position), uint32_t(purpose), 0, 0}}, {{uint32_t(seed_), uint32_t(seed_ >> 32)}});
    const uint64_t bits = uint64_t(words[0]) << 21 | words[1] >> 11;  // 53: as many as a double holds
    return double(bits + 1) * 0x1p-53;                                // never 0: an impossible token must not be drawn
  }

 private:
  uint64_t seed_;
};

}  // namespace ragdraft::sampling
