#include <algorithm>
#include <bit>
#include <set>
#include <span>
#include <utility>
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

TEST("digests are those of HighwayHash, by vectors and by plain code") {
  // Key 00 01 .. 1f. The first four are the specification's; all were made with the npm package highwayhasher 0.4.4.
  const DigestKey key({0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110, 0x1f1e1d1c1b1a1918});
  std::vector<std::byte> bytes(5000);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = std::byte(i < 64 ? i : i * i * 31 + i);
  const struct {
    size_t size;
    uint64_t digest;
  } rows[] = {
      {0, 0x907a56de22c26e53},  {1, 0x7eab43aac7cddd78},    {2, 0xb8d0569ab0b53d62},    {3, 0x5c6befab8a463d80},   {4, 0xf205a46893007eda},
      {7, 0x4d02ae1738f59482},  {8, 0xe1205108e55f3171},    {15, 0x40793f86a449f33b},   {16, 0xcfab3489f97eb832},  {17, 0x19fe67d2c8c5c0e2},
      {19, 0x75d9518e2371c504}, {24, 0x205f615aea59e51e},   {31, 0x9fc7007ccf035a68},   {32, 0xa0c964d9ecd580fc},  {33, 0x2c90f73ca03181fc},
      {47, 0x1326bac06b911e08}, {48, 0xb926168d2b154f34},   {63, 0xab8eebe9bf2139a0},   {64, 0x75542c5d4cd2a6ff},  {1000, 0xb41a2a123a75a360},
      {4096, 0xe999abdd1b7b3ac1}, {5000, 0x9b41ac46de64aec6},
  };
  for (const auto& row : rows) {
    const auto part = std::span(std::as_const(bytes)).first(row.size);
    CHECK_MSG(key.digest(part) == row.digest && key.portable_digest(part) == row.digest, std::to_string(row.size));
  }
  for (size_t size = 0; size < 200; size++) {
    const auto part = std::span(std::as_const(bytes)).subspan(size, size);
    CHECK_MSG(key.digest(part) == key.portable_digest(part), std::to_string(size));
  }
  CHECK(DigestKey({1, 2, 3, 4}).digest(bytes) != DigestKey({1, 2, 3, 5}).digest(bytes));
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
    const double mean = double(flipped) / double(size * 8);  // of 64 bits
    CHECK_MSG(mean > 28 && mean < 36, std::to_string(mean));
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
