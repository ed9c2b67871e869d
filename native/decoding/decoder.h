// The decoding loop of all modes: rounds of draft, verify, commit. One object for each answer; engine thread only.
#pragma once
#include <span>
#include <vector>

#include "decoding/ngram.h"
#include "decoding/round.h"

namespace ragdraft::decoding {

enum class Finish { kNone, kStop, kLength, kContext };  // not yet, stop token, max_tokens, cache full

class Decoder {
 public:
  // target, draft_model: nullptr where the mode does not use it (plain: no draft model; rag: no target). Their caches hold the prompt but for
  // `*_pending`: >= 1 tokens, the rest of each one's prompt (all but the last are read in the first step; in kLossless with an automatic draft
  // length the draft model's are read when that is expected to pay, or never). The same model may be both, in two caches.
  // self_drafter: in kLossless alone, over the target's cache and with its vocabulary. Without a draft model it drafts all rounds, and
  // draft_pending is empty; with one, where the draft length is automatic, each round is drafted by whichever should be faster.
  // Throws kInvalidArgument.
  Decoder(LanguageModel* target, std::vector<TokenId> target_pending, LanguageModel* draft_model, std::vector<TokenId> draft_pending,
          DecodeParams params, LanguageModel* self_drafter = nullptr);

  // One round. Returns the tokens it committed to the answer (stop tokens excluded); valid until the next call. After a pass that threw the
  // last committed state is left, and step() may be tried again: randomness is keyed by position.
  std::span<const TokenId> step();
  Finish finish() const { return finish_; }
  const DecodeStats& stats() const { return round_.stats; }
  const DraftPolicy& costs() const { return *round_.costs; }  // as they are now; of two drafters the self-drafter is its 0, the draft model its 1

 private:
  void run_round();
  NgramIndex::Proposal propose();
  Situation possible(const NgramIndex::Proposal& proposal) const;
  void learn(const NgramIndex::Proposal& proposal, std::span<const TokenId> drafts, std::span<const TokenId> written);

  Round round_;
  Ledger ledger_;
  NgramIndex ngrams_;
  const bool ngrams_used_, device_allowed_;
  bool prefilled_ = false;
  Finish finish_ = Finish::kNone;
};

}  // namespace ragdraft::decoding
