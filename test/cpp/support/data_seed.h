// Other random data for a whole run: RAGDRAFT_TEST_SEED=<number>, "random" for a number that is drawn anew, or nothing for the data
// that every run has. Tests whose verdict hangs on the data (statistics) keep their own generators.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace testing {

inline uint32_t data_seed_of(const char* text) {
  if (text == nullptr || *text == '\0') return 0;
  if (std::strcmp(text, "random") == 0) return std::random_device{}();
  char* end = nullptr;
  const unsigned long seed = std::strtoul(text, &end, 10);
  if (*end != '\0' || seed > UINT32_MAX) {
    std::fprintf(stderr, "RAGDRAFT_TEST_SEED is neither a number nor \"random\": %s\n", text);
    std::exit(2);
  }
  return uint32_t(seed);
}

// 0 unless the environment asks for another. Printed before the first test, to be given again.
inline uint32_t data_seed() {
  static const uint32_t seed = data_seed_of(std::getenv("RAGDRAFT_TEST_SEED"));
  return seed;
}

// What a generator starts from that without a data seed starts from `seed`.
inline uint32_t seeded(uint32_t seed) { return seed + data_seed() * 0x9e3779b9u; }

}  // namespace testing
