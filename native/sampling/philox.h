// Philox4x32-10: a counter-based random function. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
// (SC 2011). Equal counter and key give equal words on every machine.
#pragma once
#include <array>
#include <cstdint>

namespace ragdraft::sampling {

// Four words of random bits, a bijection of `counter` for every `key`.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

}  // namespace ragdraft::sampling
