// A round of speculation on the device: what the host says before it, what kernels hand on to each other, what the host reads after it.
// It lies in device memory at an address that stays, as the pass does.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/types.h"
#include "sampling/rounds.h"

namespace ragdraft::ops::cuda {

inline constexpr int kRoundRows = kMaxVerifyRows;  // most rows that the target computes, hence one more than drafts, or as many
inline constexpr int kMostTokens = sampling::Rounds::kMostTokens;

using Mass = uint64_t;  // a probability as an integer: kernels/masses.cuh

template <class Real>
struct Best {
  Real score;     // -infinity: there is none
  TokenId token;  // -1: there is none
};

// probability of a logit z = scale * exp((z - peak) / temperature)
struct Softmax {
  float peak;
  double scale;
};

// Token -1: a row of logits had no finite number, or an infinite one. The host calls that an error.
struct RoundResult {
  int32_t accepted;           // drafts that stand
  TokenId token;              // what follows them; -1 also where all drafts stand and no row is left
  TokenId draft[kRoundRows];
};

struct Round {
  // From the host.
  uint64_t seed;
  Position position;            // of the first draft in the answer
  int32_t reserved;
  double temperature;           // of p and q, > 0
  double transfer;              // eta
  double plausibility;          // alpha

  // Between kernels.
  Softmax q[kRoundRows];        // of the drafter's rows
  int32_t last_row;             // the row that gives the last token, and how: LastToken
  int32_t last_from;

  RoundResult result;
};

}  // namespace ragdraft::ops::cuda
