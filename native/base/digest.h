// 64-bit digests under a secret key: to notice damage in stored bytes, and to name contents.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ragdraft {

// Quality: of two different strings chosen by someone who does not know the key, the digests are equal with a probability below
// (3 n + 1) / 2^61, n = blocks of 1 KiB of the longer one: below 2^-36 for 8 GiB. So a file cannot be made to pass for another one.
// It is no signature: whoever sees the key, or digests of many chosen strings, can do better.
// Speed: that of memory. Construction: digest.cc.
class DigestKey {
 public:
  static constexpr size_t kBlockWords = 128;
  using Seed = std::array<uint64_t, 2>;

  explicit DigestKey(const Seed& seed);
  static Seed random_seed();  // from the system's source of randomness

  // Below 2^61. The same on every machine.
  uint64_t digest(std::span<const std::byte> bytes) const noexcept;

 private:
  std::array<uint64_t, kBlockWords> words_;
  uint64_t point_;  // where the polynomial is evaluated
};

}  // namespace ragdraft
