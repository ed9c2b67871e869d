// Which tier of the tests runs: RAGDRAFT_TEST_TIER=full, or nothing (or "quick") for the quick one. Both hold every invariant. The quick
// tier holds it on the best instruction set of this machine and on the portable one, and takes pairs of parameters where the full tier
// takes whole products of them. test/helpers/tier.ts says the same to the tests in TypeScript.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tier {

bool full();

template <class T>
T choose(T quick, T of_full) {
  return full() ? of_full : quick;
}

// Instruction sets to test, best first: all of this build and machine, or the first and the last of them.
std::vector<std::string> isas();

// Indices into lists of these sizes: every combination, or as few as hold every pair of values of every two lists.
std::vector<std::vector<size_t>> combinations(const std::vector<size_t>& sizes);

// Calls `body(a, b, ...)` with one element of each list, for all combinations().
template <class Body, class... Lists>
void across(const Body& body, const Lists&... lists) {
  for (const std::vector<size_t>& at : combinations({std::size(lists)...})) {
    [&]<size_t... I>(std::index_sequence<I...>) { body((*(std::begin(lists) + long(at[I])))...); }(std::index_sequence_for<Lists...>());
  }
}

}  // namespace tier
