// The state of a round: the text, whose drafts may yet be rejected, and the models that write it.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "decoding/drafters.h"
#include "decoding/statistics.h"
#include "decoding/verifier.h"

namespace ragdraft::decoding {

// How a round ended.
struct RoundResult {
  RoundCost cost;
  std::optional<TokenId> next;  // the token behind the accepted drafts; none where the last of these is a stop token
};

struct Round {
  // The arguments of Decoder, checked. valid: tokens of the vocabulary without padding.
  Round(LanguageModel& target, std::vector<TokenId> target_pending, LanguageModel* draft_model, std::vector<TokenId> draft_pending,
        LanguageModel* self_drafter, DecodeParams params, int valid);

  int drafted() const { return int(text.size() - committed); }
  std::span<const TokenId> drafts() const { return std::span(text).subspan(committed); }
  bool is_stop(TokenId token) const;

  // Ends the round: accepted drafts and the token behind them become part of the answer, but for a stop token; all caches are cut back to
  // that. Returns the new part of the answer.
  std::span<const TokenId> commit(const RoundResult& result);
  // Undoes the round, also after a pass that threw half-way: text and caches are as they were before it.
  void rollback();
  // The draft model read `tokens` in the midst of the answer, in `ms`.
  void record_reading(int tokens, double ms);

  const DecodeParams params;
  const ModeTraits traits;
  const RowRules rules;
  const std::shared_ptr<CostModel> costs;
  Verifier verifier;  // holds the draft model in mode rag, where that answers alone
  Drafters drafters;
  std::vector<TokenId> text;  // the answer; within a round followed by its drafts
  size_t committed = 0;       // tokens of the answer
  DecodeStats stats;
};

}  // namespace ragdraft::decoding
