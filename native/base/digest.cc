// Two stages, both almost universal families of functions:
//   NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, 1999) takes a block of 128 words m to the sum over pairs of
//     (m[2i] + k[2i] mod 2^64) * (m[2i+1] + k[2i+1] mod 2^64)  mod 2^128;
//     two different blocks meet with probability at most 2^-64.
//   A polynomial over the integers modulo 2^61 - 1 (Carter, Wegman, 1979) has the string's length as its leading coefficient, then
//     three limbs of each block's sum; two of degree d meet in a random point with probability at most d / (2^61 - 1).
#include "base/digest.h"

#include <algorithm>
#include <cstring>

#include "base/system_random.h"

namespace ragdraft {
namespace {

constexpr uint64_t kPrime = (uint64_t(1) << 61) - 1;
constexpr size_t kBlockBytes = DigestKey::kBlockWords * sizeof(uint64_t);
using Wide = unsigned __int128;

// Below kPrime: 2^61 = 1 there.
uint64_t reduce(Wide value) {
  uint64_t sum = uint64_t(value & kPrime) + uint64_t(value >> 61 & kPrime) + uint64_t(value >> 122);
  sum = (sum & kPrime) + (sum >> 61);
  return sum >= kPrime ? sum - kPrime : sum;
}

Wide block_sum(const std::byte* block, const uint64_t* key) {
  Wide sum = 0;
  for (size_t i = 0; i < DigestKey::kBlockWords; i += 2) {
    uint64_t pair[2];
    std::memcpy(pair, block + i * sizeof(uint64_t), sizeof pair);
    // One cache line at a time, a page ahead: left to itself the hardware stops at each page (6.7 -> 9.8 GB/s). Past the end it is nothing.
    if (i % 8 == 0) __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(block + i * sizeof(uint64_t)) + 4096));
    sum += Wide(pair[0] + key[i]) * (pair[1] + key[i + 1]);
  }
  return sum;
}

// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014).
uint64_t split_mix(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

DigestKey::DigestKey(const Seed& seed) {
  uint64_t a = seed[0], b = seed[1];
  for (uint64_t& word : words_) word = split_mix(a) ^ split_mix(b);
  point_ = reduce(split_mix(a) ^ split_mix(b));
}

DigestKey::Seed DigestKey::random_seed() {
  Seed seed;
  fill_random(std::as_writable_bytes(std::span(seed)));
  return seed;
}

uint64_t DigestKey::digest(std::span<const std::byte> bytes) const noexcept {
  uint64_t value = reduce(bytes.size());
  const auto append = [&](uint64_t limb) { value = reduce(Wide(value) * point_ + limb); };
  const auto append_block = [&](const std::byte* block) {
    constexpr uint64_t kLimb = (uint64_t(1) << 60) - 1;
    const Wide sum = block_sum(block, words_.data());
    append(uint64_t(sum) & kLimb);
    append(uint64_t(sum >> 60) & kLimb);
    append(uint64_t(sum >> 120));
  };
  size_t at = 0;
  for (; bytes.size() - at >= kBlockBytes; at += kBlockBytes) append_block(bytes.data() + at);
  if (at < bytes.size()) {
    std::array<std::byte, kBlockBytes> last{};
    std::copy(bytes.begin() + std::ptrdiff_t(at), bytes.end(), last.begin());
    append_block(last.data());
  }
  return value;
}

}  // namespace ragdraft
