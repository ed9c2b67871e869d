// What the rounds of an answer came to.
#pragma once
#include <array>
#include <cstdint>

#include "decoding/policy/draft_policy.h"

namespace ragdraft::decoding {

struct DecodeStats {
  // Of rounds that one drafter drafted, token by token (kModel) or as the judge of n-grams (kCascade).
  struct OfDrafter {
    int64_t rounds = 0, drafted = 0, accepted = 0;
  };

  int64_t rounds = 0, drafted = 0, accepted = 0, decode_tokens = 0;  // drafted: by a drafter or, checked by the target, by n-grams
  std::array<int64_t, 4> rounds_by_source{};                         // [int(Source)]
  int64_t rounds_on_device = 0;                                      // of `rounds`: those that the host waited for once
  int64_t ngram_proposed = 0, ngram_accepted = 0;                    // by the drafter (kCascade) or the target (kNgram)
  std::array<int64_t, kMaxDraftTokens> drafted_by_position{}, accepted_by_position{};  // [i]: i-th drafted token of a round
  double draft_ms = 0, verify_ms = 0;
  OfDrafter draft_model, self_drafter;
  int64_t read_tokens = 0;  // of the draft model's prompt, and of what it sat out, read after the answer had begun,
  double read_ms = 0;       // and the time for it, as far as it can be told

  // Counts one round. ngram_accepted: tokens of the n-gram proposal that the round confirmed. of: the current drafter's.
  void count(const Choice& choice, const RoundCost& cost, int ngram_accepted, OfDrafter& of);
};

}  // namespace ragdraft::decoding
