// logits -> distribution -> token. Target and drafter logits pass the same steps, in this order:
// repetition penalty, temperature, top-k, top-p, min-p, normalisation.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"
#include "sampling/rng.h"

namespace ragdraft::sampling {

struct SamplingParams {
  double temperature = 0;         // >= 0; 0 = greedy (no distribution is sampled from)
  int top_k = 0;                  // 0 = off
  double top_p = 1;               // (0, 1]
  double min_p = 0;               // [0, 1): drop tokens below min_p * max
  double repetition_penalty = 1;  // > 0; 1 = off. Logits of seen tokens: l > 0 ? l / r : l * r
  int repetition_window = 64;     // last tokens of the answer that count
  bool operator==(const SamplingParams&) const = default;
};

// Divides / multiplies the logits of the tokens in `recent` (each once).
void penalize(std::span<float> logits, std::span<const TokenId> recent, double penalty);

// probabilities: [vocab], sum 1. logits past `valid` entries (vocabulary padding) get probability 0. temperature > 0.
// -inf and NaN logits get 0; if nothing is left, throws kInternal.
void to_distribution(std::span<const float> logits, int valid, const SamplingParams& params, std::span<float> probabilities);

// Index of the largest logit among the first `valid`; ties: the smallest index. NaN never wins.
TokenId argmax(std::span<const float> logits, int valid);

// Inverse CDF in index order with u in (0, 1]; falls back to the last index with positive mass. Sum need not be exactly 1
// (u is scaled by it). All zero: returns -1.
TokenId sample(std::span<const float> weights, double u);

}  // namespace ragdraft::sampling
