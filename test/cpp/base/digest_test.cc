#include <algorithm>
#include <bit>
#include <set>
#include <vector>

#include "base/digest.h"
#include "random_matrix.h"
#include "tap.h"

using ragdraft::DigestKey;

namespace {

std::vector<std::byte> random_bytes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = std::byte(random() & 255);
  return bytes;
}

}  // namespace

TEST("a digest is a function of key and bytes, the same on every machine") {
  const std::vector<std::byte> bytes = random_bytes(5000, 1);
  CHECK(DigestKey({1, 2}).digest(bytes) == DigestKey({1, 2}).digest(bytes));
  CHECK(DigestKey({1, 2}).digest(bytes) != DigestKey({1, 3}).digest(bytes));
  CHECK(DigestKey({1, 2}).digest(bytes) < uint64_t(1) << 61);
  CHECK(DigestKey({1, 2}).digest(bytes) == 0x698042e2e15774cull);
  CHECK(DigestKey::random_seed() != DigestKey::random_seed());
}

TEST("every flipped bit changes a digest, and half of its bits on average") {
  const DigestKey key({3, 4});
  for (const size_t size : {size_t(1), size_t(7), size_t(1024), size_t(1031)}) {
    std::vector<std::byte> bytes = random_bytes(size, 2);
    const uint64_t whole = key.digest(bytes);
    int64_t flipped = 0;
    for (size_t bit = 0; bit < size * 8; bit++) {
      bytes[bit / 8] ^= std::byte(1 << bit % 8);
      const uint64_t changed = key.digest(bytes);
      CHECK(changed != whole);
      flipped += std::popcount(changed ^ whole);
      bytes[bit / 8] ^= std::byte(1 << bit % 8);
    }
    const double mean = double(flipped) / double(size * 8);  // of 61 bits
    CHECK_MSG(mean > 26 && mean < 35, std::to_string(mean));
  }
}

TEST("flips that undo each other in products of one word do not meet") {
  // The top bits of both words of a pair, of words one block apart, of all pairs of words of a block.
  const DigestKey key({5, 6});
  std::vector<std::byte> bytes = random_bytes(4096, 3);
  std::set<uint64_t> seen{key.digest(bytes)};
  for (size_t a = 0; a < 128; a++) {
    for (size_t b = a + 1; b < 256; b++) {
      bytes[a * 8 + 7] ^= std::byte(128);
      bytes[b * 8 + 7] ^= std::byte(128);
      CHECK(seen.insert(key.digest(bytes)).second);
      bytes[a * 8 + 7] ^= std::byte(128);
      bytes[b * 8 + 7] ^= std::byte(128);
    }
  }
}

TEST("strings of zeros of different lengths have different digests, swapped blocks too") {
  const DigestKey key({7, 8});
  const std::vector<std::byte> zeros(5000);
  std::set<uint64_t> seen;
  for (size_t size = 0; size <= zeros.size(); size++) CHECK(seen.insert(key.digest(std::span(zeros).first(size))).second);
  std::vector<std::byte> bytes = random_bytes(2048, 4);
  const uint64_t whole = key.digest(bytes);
  std::rotate(bytes.begin(), bytes.begin() + 1024, bytes.end());
  CHECK(key.digest(bytes) != whole);
}
