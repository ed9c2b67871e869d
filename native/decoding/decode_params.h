// What an answer is asked for: the parameters of decoding, and the range of each.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "decoding/policy/draft_policy.h"
#include "sampling/rounds.h"
#include "sampling/sampler.h"

namespace ragdraft::decoding {

enum class Mode { kPlain, kRag, kLossless, kExact, kPaper };  // docs/algorithm.md, "Modes"

struct DecodeParams {
  Mode mode = Mode::kLossless;
  double transfer = 10;                    // eta, the step size of the transfer in kExact and kPaper
  double plausibility = 0.1;               // alpha: q - p counts only where q >= alpha * max q
  double transfer_temperature = 1;         // tau: the temperature of p and q in the greedy transfer
  int draft_length = -1;                   // gamma, drafted tokens of a round; -1: chosen before each round
  int max_draft_length = kMaxDraftTokens;  // bound of a chosen length
  double confidence = 0;                   // a draft ends after a token with q below this
  sampling::SamplingParams sampling;
  uint64_t seed = 0;
  int max_tokens = 256;               // of the answer
  int valid_tokens = 0;               // vocabulary without padding; 0: the smaller of the models' vocab_size()
  std::vector<TokenId> stop_tokens;   // end the answer and are not part of it
  bool ngram = true;                  // propose from repeated text: changes costs, not distributions
  std::vector<TokenId> ngram_source;  // what comes before the answer and may be quoted: all that the drafter reads
  // Not null: both models leave their logits where these find them. Rounds without n-grams then go on there, and the host waits once for
  // each, as long as sampling is by temperature alone and `confidence`, which asks after each draft, is 0. Outlives the decoder.
  sampling::Rounds* rounds = nullptr;
  std::shared_ptr<DraftPolicy> costs;    // what earlier answers measured, and this one will; nullptr: nothing is known
  // Guesses, >= 0, for as long as nothing is measured: what a draft step costs, as a share of a plain step,
  double draft_model_share = 1, self_drafter_share = 1;
  double read_ms = 0;             // and what the draft model takes to read a token of its prompt; 0: no guess
  std::function<double()> now_ms;  // the clock; empty: the steady one
};

// Calls visit(name, member, low, high) for each number among the options of a request; both bounds belong to the range. This table is the only
// place that states ranges natively: validate() checks them and the addon reads requests by them. `name` is that of GenerateRequest in
// lib/runtime/binding.ts.
template <class Params, class Visit>
void for_each_number(Params& p, Visit&& visit) {
  constexpr double kAny = std::numeric_limits<double>::max(), kAboveZero = std::numeric_limits<double>::denorm_min();
  constexpr double kBelowOne = 1 - std::numeric_limits<double>::epsilon() / 2;
  constexpr int kAnyInteger = std::numeric_limits<int>::max();
  visit("transfer", p.transfer, 0.0, kAny);
  visit("plausibility", p.plausibility, 0.0, 1.0);
  visit("transferTemperature", p.transfer_temperature, kAboveZero, kAny);
  visit("draftLength", p.draft_length, -1, kMaxDraftTokens);
  visit("maxDraftLength", p.max_draft_length, 0, kMaxDraftTokens);
  visit("confidence", p.confidence, 0.0, 1.0);
  visit("temperature", p.sampling.temperature, 0.0, kAny);
  visit("topK", p.sampling.top_k, 0, kAnyInteger);
  visit("topP", p.sampling.top_p, kAboveZero, 1.0);
  visit("minP", p.sampling.min_p, 0.0, kBelowOne);
  visit("repetitionPenalty", p.sampling.repetition_penalty, kAboveZero, kAny);
  visit("repetitionWindow", p.sampling.repetition_window, 0, kAnyInteger);
  visit("maxTokens", p.max_tokens, 1, kAnyInteger);
  visit("validTokens", p.valid_tokens, 0, kAnyInteger);
}

void validate(const DecodeParams& params);  // throws kInvalidArgument

}  // namespace ragdraft::decoding
