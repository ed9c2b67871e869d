#include "tier.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

#include "ops/backend.h"

namespace tier {
namespace {

bool is_full() {
  const char* wish = std::getenv("RAGDRAFT_TEST_TIER");
  if (wish == nullptr || *wish == '\0' || std::strcmp(wish, "quick") == 0) return false;
  if (std::strcmp(wish, "full") == 0) return true;
  std::fprintf(stderr, "RAGDRAFT_TEST_TIER is neither \"quick\" nor \"full\": %s\n", wish);
  std::exit(2);
}

std::vector<std::vector<size_t>> product(const std::vector<size_t>& sizes) {
  std::vector<std::vector<size_t>> all = {{}};
  for (const size_t size : sizes) {
    std::vector<std::vector<size_t>> longer;
    for (const std::vector<size_t>& before : all)
      for (size_t i = 0; i < size; i++) {
        longer.push_back(before);
        longer.back().push_back(i);
      }
    all = std::move(longer);
  }
  return all;
}

using Pair = std::array<size_t, 4>;  // two lists, and an index into each

std::set<Pair> pairs_of(const std::vector<size_t>& at) {
  std::set<Pair> pairs;
  for (size_t a = 0; a < at.size(); a++)
    for (size_t b = a + 1; b < at.size(); b++) pairs.insert({a, b, at[a], at[b]});
  return pairs;
}

// Always the combination with the most pairs that none before it had; of equals the first.
std::vector<std::vector<size_t>> covering(const std::vector<std::vector<size_t>>& all) {
  std::set<Pair> missing;
  for (const std::vector<size_t>& at : all) missing.merge(pairs_of(at));
  std::vector<std::vector<size_t>> chosen;
  while (!missing.empty()) {
    const std::vector<size_t>* best = nullptr;
    size_t most = 0;
    for (const std::vector<size_t>& at : all) {
      size_t news = 0;
      for (const Pair& pair : pairs_of(at)) news += missing.count(pair);
      if (news > most) {
        most = news;
        best = &at;
      }
    }
    for (const Pair& pair : pairs_of(*best)) missing.erase(pair);
    chosen.push_back(*best);
  }
  return chosen;
}

}  // namespace

bool full() {
  static const bool yes = is_full();
  return yes;
}

std::vector<std::string> isas() {
  const std::vector<std::string> all = ragdraft::ops::cpu_isas();
  if (full() || all.size() <= 2) return all;
  return {all.front(), all.back()};
}

std::vector<std::vector<size_t>> combinations(const std::vector<size_t>& sizes) {
  const std::vector<std::vector<size_t>> all = product(sizes);
  return full() || sizes.size() <= 2 ? all : covering(all);
}

}  // namespace tier
