#include "sampling/rng.h"

#include "sampling/philox.h"

namespace ragdraft::sampling {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr int kRounds = 10;
  constexpr uint64_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;  // the paper's constants
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;          // golden ratio, sqrt(3) - 1
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < kRounds; round++) {
    const uint64_t product0 = kMultiply0 * c0, product1 = kMultiply1 * c2;
    c0 = uint32_t(product1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(product1);
    c2 = uint32_t(product0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(product0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {c0, c1, c2, c3};
}

double PositionRng::uniform(Position position, Purpose purpose) const {
  const auto words = philox4x32({uint32_t(position), uint32_t(purpose), 0, 0}, {uint32_t(seed_), uint32_t(seed_ >> 32)});
  const uint64_t bits = uint64_t(words[0]) << 21 | words[1] >> 11;  // 53: as many as a double holds
  return double(bits + 1) * 0x1p-53;                                // never 0: an impossible token must not be drawn
}

}  // namespace ragdraft::sampling
