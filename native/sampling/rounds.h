// Rounds of speculation that go on where the logits are, without the host: the drafts are not known to it before the end, and go into
// later passes of the round as unknown_draft(i). Implemented by backends that compute elsewhere, used by decoding/device_round.cc.
#pragma once
#include <array>
#include <cstdint>

#include "base/types.h"

namespace ragdraft::sampling {

// The distribution that the token of a position follows, made of p (target) and q (drafter), see decoding/transfer.h.
// kTarget: p. kTransfer: p_hat. kPaper: pi where tokens are sampled, p_hat where choices are greedy.
enum class OutputDistribution : uint8_t { kTarget, kTransfer, kPaper };

struct RoundRules {
  OutputDistribution output = OutputDistribution::kTarget;
  bool greedy = false;
  bool keeps_q = false;     // drafts are drawn from q, or the output distribution is made of q
  int valid = 0;            // tokens of the vocabulary without padding, 1 .. Rounds::kMostTokens
  uint64_t seed = 0;
  double temperature = 1;   // of p and q, > 0; no other shaping
  double transfer = 0;      // eta
  double plausibility = 0;  // alpha
};

// Token -1: a row of logits had no finite number, or an infinite one.
struct RoundOutcome {
  int accepted = 0;                             // drafts that stand
  TokenId token = -1;                           // what follows them; -1 also where all stand and no row is left
  std::array<TokenId, kMaxVerifyRows> draft{};  // those that were drawn
  double draft_ms = 0, verify_ms = 0;           // until the last draft, and from there to the end
};

class Rounds {
 public:
  static constexpr int kMostTokens = 1 << 20;

  virtual ~Rounds() = default;
  // Begins a round; one that has not been judged is forgotten. position: of the first draft in the answer.
  virtual void begin(const RoundRules& rules, Position position) = 0;
  // Draft i, 0 .. kMaxVerifyRows - 1, from the logits of the last pass, which wanted one row's and let them stay.
  virtual void draft(int i) = 0;
  // Ends the round with the logits of the last pass: `rows` rows, of which the first `judged` judge the drafts of these numbers. The row
  // after them, if there is one, gives a token from p alone. Waits. Throws kDeviceFailed, kOutOfMemory.
  virtual RoundOutcome judge(int judged, int rows) = 0;
};

}  // namespace ragdraft::sampling
