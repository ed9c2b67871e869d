#include "sampling/rng.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "chi_square.h"
#include "sampling/philox.h"
#include "tap.h"

using namespace ragdraft::sampling;

namespace {

bool gives(const PhiloxWords& got, const PhiloxWords& expected) { return std::equal(got.word, got.word + 4, expected.word); }

}  // namespace

TEST("philox4x32-10 gives the known answers of Random123") {  // kat_vectors of D. E. Shaw Research's library
  CHECK(gives(philox4x32({0, 0, 0, 0}, {0, 0}), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK(gives(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK(gives(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST("the same seed, position and purpose give the same number; another of either gives another") {
  std::set<double> seen;
  for (uint64_t seed : {0ull, 1ull, 1ull << 32, ~0ull}) {
    const PositionRng rng(seed);
    for (ragdraft::Position position : {0, 1, 2, 1 << 30}) {
      for (Purpose purpose : {Purpose::kDraft, Purpose::kAccept, Purpose::kResample}) {
        CHECK(rng.uniform(position, purpose) == PositionRng(seed).uniform(position, purpose));
        seen.insert(rng.uniform(position, purpose));
      }
    }
  }
  CHECK(seen.size() == 4 * 4 * 3);
}

TEST("a number is the upper 53 bits of two words, plus one, so that 0 never comes") {
  const uint64_t bits = uint64_t(0x6627e8d5) << 21 | 0xe169c58d >> 11;  // the first known answer
  CHECK(PositionRng(0).uniform(0, Purpose::kDraft) == std::ldexp(double(bits + 1), -53));
}

TEST("numbers are in (0, 1] and uniform over positions and over seeds") {
  constexpr int kCells = 64, kDraws = 64000;
  const std::vector<double> law(kCells, 1.0 / kCells);
  std::vector<int64_t> by_position(kCells), by_seed(kCells);
  bool in_range = true;
  const auto count = [&](std::vector<int64_t>& cells, double u) {
    in_range &= u > 0 && u <= 1;
    cells[size_t(std::ceil(u * kCells)) - 1]++;
  };
  for (int i = 0; i < kDraws; i++) {
    count(by_position, PositionRng(7).uniform(i, Purpose::kAccept));
    count(by_seed, PositionRng(uint64_t(i)).uniform(3, Purpose::kDraft));
  }
  CHECK(in_range);
  CHECK(chi_square::test(by_position, law) > 1e-4);
  CHECK(chi_square::test(by_seed, law) > 1e-4);
}

TEST("the chi-square helper knows the tabulated quantiles and rejects a wrong law") {
  CHECK(std::fabs(chi_square::p_value(3.841458820694124, 1) - 0.05) < 1e-12);
  CHECK(std::fabs(chi_square::p_value(18.307038053275146, 10) - 0.05) < 1e-12);
  CHECK(std::fabs(chi_square::p_value(149.44925277903886, 100) - 0.001) < 1e-12);
  CHECK(std::fabs(chi_square::p_value(2, 2) - std::exp(-1.0)) < 1e-14);
  CHECK(chi_square::test({500, 500}, {0.5, 0.5}) == 1);
  CHECK(chi_square::test({5600, 4400}, {0.5, 0.5}) < 1e-4);
  CHECK(chi_square::test({999, 0, 1}, {0.5, 0.5, 0}) == 0);
}
