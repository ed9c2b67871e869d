// The decoding loop of all modes: rounds of draft, verify, commit. One object per answer; engine thread only.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sampling/rounds.h"
#include "sampling/sampler.h"
#include "decoding/policy/cost_model.h"
#include "decoding/language_model.h"

namespace ragdraft::decoding {

enum class Mode { kPlain, kRag, kLossless, kExact, kPaper };  // docs/algorithm: section 3

struct DecodeParams {
  Mode mode = Mode::kLossless;
  double transfer = 10;             // eta >= 0; used by exact and paper (lossless means 0)
  double plausibility = 0.1;        // alpha of the mask, [0, 1]: q - p counts only where q >= alpha * max q
  double transfer_temperature = 1;  // tau > 0: the temperature of q and p in the greedy transfer
  int draft_length = -1;            // gamma 0..16, or -1 = auto (cost model)
  int max_draft_length = 16;        // bound for auto
  double confidence = 0;            // stop drafting when q(last draft) is below; [0, 1]
  sampling::SamplingParams sampling;
  uint64_t seed = 0;
  int max_tokens = 256;                // of the answer, >= 1
  std::vector<TokenId> stop_tokens;    // EOS, EOT...: end the answer, are not part of it
  int valid_tokens = 0;                // vocabulary without padding; 0 = smaller of the models' vocab_size()
  bool ngram = true;                   // propose from repeated text; changes costs, not laws
  std::vector<TokenId> ngram_source;   // what comes before the answer and may be quoted: what the drafter has read
  bool shared_cache = false;           // kLossless: the drafter reads and appends in the target's cache, and has no prompt of its own
  // Not null: both models let their logits stay where these find them. Rounds without n-grams then go on there and the host waits once
  // for each, as long as sampling is by temperature alone and `confidence`, which asks after each draft, is 0. Outlives the decoder.
  sampling::Rounds* rounds = nullptr;
  std::shared_ptr<CostModel> costs;    // what earlier answers measured, and this one will; nullptr: nothing is known
  double draft_share = 1, guest_share = 1;  // guesses at what a step of drafter and guest costs, of a plain step's time: they decide when
                                            // the first draft is tried
  double read_ms = 0;                       // guess at what the drafter takes to read a token of its prompt; 0: none
  std::function<double()> now_ms;      // empty: the steady clock
};
void validate(const DecodeParams& params);  // throws kInvalidArgument

enum class Finish { kNone, kStop, kLength, kContext };  // not yet, stop token, max_tokens, cache full

struct DecodeStats {
  int64_t rounds = 0, drafted = 0, accepted = 0, decode_tokens = 0;  // drafted: by the drafter or, before the target, by n-grams
  std::array<int64_t, 4> rounds_by_source{};                         // [int(Source)]
  int64_t rounds_on_device = 0;                                      // of `rounds`: those of DecodeParams::rounds, waited for once
  int64_t ngram_proposed = 0, ngram_accepted = 0;                    // by the drafter (kCascade) or the target (kNgram)
  std::array<int64_t, 16> drafted_by_position{}, accepted_by_position{};  // [i]: i-th drafted token of a round
  double draft_ms = 0, verify_ms = 0;
  struct ByDrafter {
    int64_t rounds = 0, drafted = 0, accepted = 0;  // kModel and kCascade
  };
  ByDrafter by_drafter, by_guest;  // the second: of a guest beside the drafter
  int64_t read_tokens = 0;         // that the drafter read after the answer had begun: its prompt, what it sat out,
  double read_ms = 0;              // and what that took, as far as it can be told
};

class Decoder {
 public:
  // With an automatic draft length in kLossless a drafter's own prompt is read when that is expected to pay, or never; else in the first
  // step. guest: may draft beside it there, in the target's cache; each round is drafted by one of the two, whichever should be faster.
  //
  // target / drafter: nullptr where the mode does not use it (plain: no drafter; rag: no target). Their caches hold the prompt
  // but for `*_pending`: >= 1 tokens, the rest of each one's prompt (all but the last are prefilled in the first step). With
  // shared_cache the drafter is over the target's cache, and drafter_pending is empty.
  // Throws kInvalidArgument, kVocabularyMismatch.
  Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* drafter, std::vector<TokenId> drafter_pending,
          DecodeParams params, LanguageModel* guest = nullptr);
  ~Decoder();

  // One round. Returns the tokens it committed to the answer (stop tokens excluded); valid until the next call.
  std::span<const TokenId> step();
  Finish finish() const;
  const DecodeStats& stats() const;
  const CostModel& costs() const;  // as they are now; with a guest it is drafter 0, the drafter 1

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ragdraft::decoding
