// Philox4x32-10: a counter-based random function. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
// (SC 2011). Equal counter and key give equal words on every machine, CPU or GPU.
#pragma once
#include <cstdint>

#include "base/host_device.h"

namespace ragdraft::sampling {

struct PhiloxWords {
  uint32_t word[4];
  RAGDRAFT_HOST_DEVICE uint32_t operator[](int i) const { return word[i]; }
};
struct PhiloxKey {
  uint32_t word[2];
};

// Four words of random bits, a bijection of `counter` for every `key`.
RAGDRAFT_HOST_DEVICE inline PhiloxWords philox4x32(PhiloxWords counter, PhiloxKey key) {
  constexpr int kRounds = 10;
  constexpr uint64_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;  // the paper's constants
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;          // golden ratio, sqrt(3) - 1
  auto [c0, c1, c2, c3] = counter.word;
  auto [k0, k1] = key.word;
  for (int round = 0; round < kRounds; round++) {
    const uint64_t product0 = kMultiply0 * c0, product1 = kMultiply1 * c2;
    c0 = uint32_t(product1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(product1);
    c2 = uint32_t(product0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(product0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace ragdraft::sampling
