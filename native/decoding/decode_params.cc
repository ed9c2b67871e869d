#include <cmath>

#include "base/error.h"
#include "decoding/decoder.h"

namespace ragdraft::decoding {

void validate(const DecodeParams& params) {
  constexpr Code kBad = Code::kInvalidArgument;
  constexpr int kMaxDraft = kMaxVerifyRows - 1;
  sampling::validate(params.sampling);
  check(params.mode >= Mode::kPlain && params.mode <= Mode::kPaper, kBad, "mode is not one of the five modes");
  check(std::isfinite(params.transfer) && params.transfer >= 0, kBad, "transfer must be a finite number >= 0");
  check(params.plausibility >= 0 && params.plausibility <= 1, kBad, "plausibility must be in [0, 1]");
  check(std::isfinite(params.transfer_temperature) && params.transfer_temperature > 0, kBad,
        "transfer_temperature must be a finite number > 0");
  check(params.draft_length >= -1 && params.draft_length <= kMaxDraft, kBad, "draft_length must be 0..16, or -1 for automatic");
  check(params.max_draft_length >= 0 && params.max_draft_length <= kMaxDraft, kBad, "max_draft_length must be 0..16");
  check(params.confidence >= 0 && params.confidence <= 1, kBad, "confidence must be in [0, 1]");
  for (const double guess : {params.draft_share, params.guest_share, params.read_ms})
    check(std::isfinite(guess) && guess >= 0, kBad, "guesses at costs must be finite numbers >= 0");
  check(params.max_tokens >= 1, kBad, "max_tokens must be >= 1");
  check(!params.shared_cache || params.mode == Mode::kLossless, kBad, "only lossless answers may be drafted in the target's cache");
  check(params.valid_tokens >= 0, kBad, "valid_tokens must be >= 0 (0 = the smaller vocabulary)");
  for (const TokenId token : params.ngram_source) check(token >= 0, kBad, "n-gram source tokens must be >= 0");
  for (const TokenId token : params.stop_tokens) check(token >= 0, kBad, "stop tokens must be >= 0");
}

}  // namespace ragdraft::decoding
