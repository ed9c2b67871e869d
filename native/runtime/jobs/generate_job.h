// Writes one answer, a round a slice.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "decoding/decoder.h"
#include "kv/selection.h"
#include "runtime/engine.h"
#include "runtime/jobs/callbacks.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

// The target's model as its own drafter, in the target's cache.
struct SelfDrafter {
  ops::Precision precision;
  kv::Selection selection;  // what it reads of the cache
};
struct GenerateRequest {
  std::shared_ptr<ModelSequence> target, draft_model;  // null where the mode does not use it; two sequences
  std::optional<SelfDrafter> self_drafter;             // kLossless alone; with a draft model where draft lengths are automatic
  std::vector<TokenId> target_pending, draft_pending;  // >= 1 token of each prompt that is used, see decoding::Decoder
  decoding::DecodeParams params;
};
struct Generated {
  decoding::DecodeStats stats;
  decoding::Finish finish = decoding::Finish::kNone;
  decoding::CostModel costs;                        // as they were at the end
  bool draft_model = false, self_drafter = false;  // which of them the request had
};
// Answers from forks of one sequence with the same drafters, in one mode, share what they learn of costs and acceptance.
// Whatever ends it, both sequences hold prompt + committed answer but for the last token (or less of the prompt, when aborted before the first
// round, or where a draft model's was not worth reading). An error comes with the statistics so far. Throws kBusy and what decoding::Decoder
// throws.
std::shared_ptr<Job> generate_job(GenerateRequest request, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done);

}  // namespace ragdraft::runtime
