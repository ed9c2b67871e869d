// What the CUDA backend is held against beside this card's own peaks: figures for an H200 (4.3 TB/s, 790 TFLOP/s of bf16) and one sequence
// of the shape of Llama-3.1-8B, derived from bytes and operations alone. Nothing here was measured.
#pragma once
#include <algorithm>
#include <iterator>
#include <string>

namespace ragdraft::gpu_check {

inline constexpr const char* kDerivedModel = "llama-3.1-8b";
inline constexpr int kDerivedDepths[] = {8192, 32768, 65536, 131072};

// A pass of one row behind each of these depths. "draft": Q8_0 by their upper four bits.
struct DerivedPass {
  const char *metric, *weights, *kv;
  double ms[std::size(kDerivedDepths)];
};
inline constexpr DerivedPass kDerivedPasses[] = {{"decode", "BF16", "bf16", {3.74, 4.49, 5.49, 7.49}},
                                                 {"decode", "Q8_0", "q8", {1.92, 2.30, 2.80, 3.80}},
                                                 {"draft", "Q8_0", "q8", {1.05, 1.43, 1.93, 2.92}}};

// Names of drafters that every report has.
inline constexpr const char *kSameWeights = "the same weights", *kNested = "nested 4-bit";

// How many times faster than plain steps a text is written behind 128K tokens, at the best number of drafts, by the share of drafts that
// stand.
inline constexpr double kAcceptances[] = {0.75, 0.9, 0.95};
struct DerivedSpeedup {
  const char *weights, *kv, *drafter;
  const char *plain_weights, *plain_kv;  // of the plain steps
  double times[std::size(kAcceptances)];
};
inline constexpr DerivedSpeedup kDerivedSpeedups[] = {{"BF16", "bf16", kSameWeights, "BF16", "bf16", {1.18, 1.40, 1.55}},
                                                      {"BF16", "bf16", "Q4_0", "BF16", "bf16", {1.95, 2.88, 3.62}},
                                                      {"BF16", "bf16", "llama-3.2-1b BF16", "BF16", "bf16", {2.34, 3.80, 5.07}},
                                                      {"Q8_0", "q8", kNested, "Q8_0", "q8", {1.53, 2.04, 2.40}},
                                                      {"Q8_0", "q8", kNested, "BF16", "bf16", {3.0, 4.0, 4.7}}};

}  // namespace ragdraft::gpu_check
