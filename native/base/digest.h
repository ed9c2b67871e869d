// 64-bit digests under a secret key: to notice damage in stored bytes, and to name contents.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ragdraft {

// HighwayHash-64 (Alakuijala, Cox, Wassenberg: "Fast keyed hash/pseudo-random function using SIMD multiply and permute", 2016), designed as
// a pseudo-random function: whoever does not know the key can find two strings of equal digest only by trying, one pair in 2^64. So a file
// cannot be made to pass for another one. Measured: docs/decisions/0027-digest.md.
class DigestKey {
 public:
  using Seed = std::array<uint64_t, 4>;

  explicit DigestKey(const Seed& seed) : seed_(seed) {}
  static Seed random_seed();  // from the system's source of randomness

  // The same on every machine.
  uint64_t digest(std::span<const std::byte> bytes) const noexcept;
  // By plain code, whatever the CPU has: digest() must equal it.
  uint64_t portable_digest(std::span<const std::byte> bytes) const noexcept;

 private:
  Seed seed_;
};

}  // namespace ragdraft
