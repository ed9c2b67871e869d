// Rounds of speculation as answers have them: by decoding::Decoder, over contexts that were filled before. Their drafts are drawn and judged on
// the device, and the host waits once for each.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "base/types.h"
#include "runtime/sequence_language_model.h"
#include "decoding/decoder.h"

namespace ragdraft::gpu_check {

class RoundBench {
 public:
  // drafter: nullptr for plain steps alone. Both are on one backend, which has Rounds; they outlive this, and end as they began.
  RoundBench(runtime::ModelSequence& target, runtime::ModelSequence* drafter) : target_(target), drafter_(drafter) {}

  // Median milliseconds of a round of `drafts` drafts, sampled, from its call until the host has its tokens. 0: a plain step, in any mode.
  // Each begins behind the same contexts. Throws kInternal: the round did not go on on the device.
  double round_ms(int drafts, int runs, decoding::Mode mode = decoding::Mode::kLossless);

  // A greedy text of rounds of so many drafts, or of plain steps.
  std::vector<TokenId> text(int drafts, int tokens);

 private:
  decoding::DecodeParams params(int drafts, decoding::Mode mode) const;
  runtime::ModelSequence& target_;
  runtime::ModelSequence* const drafter_;
  const std::atomic<bool> never_{false};
};

}  // namespace ragdraft::gpu_check
