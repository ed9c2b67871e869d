#include "tier.h"

#include <set>

#include "ops/backend.h"
#include "tap.h"

TEST("combinations hold every pair of values of every two lists, few of them in the quick tier and all in the full one") {
  const std::vector<size_t> sizes = {4, 6, 4, 3};
  const auto chosen = tier::combinations(sizes);
  for (size_t a = 0; a < sizes.size(); a++)
    for (size_t b = a + 1; b < sizes.size(); b++) {
      std::set<std::pair<size_t, size_t>> seen;
      for (const auto& at : chosen) seen.insert({at[a], at[b]});
      CHECK(seen.size() == sizes[a] * sizes[b]);
    }
  CHECK(chosen.size() <= (tier::full() ? 288 : 36) && chosen.size() >= (tier::full() ? 288 : 24));
  CHECK(tier::combinations({3}).size() == 3 && tier::combinations({3, 5}).size() == 15 && tier::combinations({3, 0}).empty());
  int calls = 0;
  tier::across([&](int one, const std::string& two) { calls += one * int(two.size()); }, std::vector{1, 2}, std::array<std::string, 2>{"a", "bc"});
  CHECK(calls == 9);
}

TEST("instruction sets of the quick tier are the best and the portable one") {
  const auto all = ragdraft::ops::cpu_isas(), here = tier::isas();
  CHECK(here.front() == all.front() && here.back() == "generic");
  CHECK(tier::full() ? here == all : here.size() <= 2);
}
