#include "decoding/decode_params.h"

#include <cstdio>

#include "base/error.h"

namespace ragdraft::decoding {
namespace {

void check_range(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;  // also false for NaN
  char text[160];
  std::snprintf(text, sizeof text, "%s must be from %g to %g, and is %g", name, low, high, value);
  throw Error(Code::kInvalidArgument, text);
}

}  // namespace

void validate(const DecodeParams& params) {
  constexpr Code kBad = Code::kInvalidArgument;
  for_each_number(params, [](const char* name, auto value, auto low, auto high) { check_range(name, value, low, high); });
  check(params.mode >= Mode::kPlain && params.mode <= Mode::kPaper, kBad, "mode is not one of the five modes");
  for (const double guess : {params.draft_model_share, params.self_drafter_share, params.read_ms})
    check_range("a guess at costs", guess, 0, std::numeric_limits<double>::max());
  for (const TokenId token : params.ngram_source) check(token >= 0, kBad, "n-gram source tokens must be >= 0");
  for (const TokenId token : params.stop_tokens) check(token >= 0, kBad, "stop tokens must be >= 0");
}

}  // namespace ragdraft::decoding
