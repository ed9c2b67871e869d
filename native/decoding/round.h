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
  std::optional<TokenId> next;  // the token after the accepted drafts; none where the last of these is a stop token
};

// Who takes part in an answer, as the arguments of Decoder say.
struct Models {
  LanguageModel* target;
  std::vector<TokenId> target_pending;
  LanguageModel* draft_model;
  std::vector<TokenId> draft_pending;
  LanguageModel* self_drafter;
  int valid;  // tokens of the vocabulary without padding
};

struct Round {
  Round(Models models, DecodeParams params);  // both checked; models.target is not null
  Round(const Round&) = delete;               // parts of it refer to each other

  int drafted() const { return int(text.size() - committed); }
  std::span<const TokenId> drafts() const { return std::span(text).subspan(committed); }
  bool is_stop(TokenId token) const;

  // Ends the round: accepted drafts and the token after them become part of the answer, but for a stop token; all caches are cut back to
  // that. Returns the new part of the answer.
  std::span<const TokenId> commit(const RoundResult& result);
  // Undoes the round, also after a pass that threw half-way: text and caches are as they were before it.
  void rollback();
  // The draft model read `tokens` after the answer had begun, in `ms`.
  void record_reading(int tokens, double ms);

  const DecodeParams params;
  const ModeTraits traits;
  const RowRules rules;
  const std::shared_ptr<DraftPolicy> costs;
  Verifier verifier;  // holds the draft model in mode rag, where that answers alone
  Drafters drafters;
  std::vector<TokenId> text;  // the answer; within a round followed by its drafts
  size_t committed = 0;       // tokens of the answer
  DecodeStats stats;
};

// Both ways through a round append the drafts to round.text, for Round::commit() to keep those that were accepted. choice, at: what was chosen,
// and among what.
//
// On the host, draft by draft: the drafter writes, the target scores all drafts in one pass, and each is judged. ngram: the tokens of the
// proposal that the choice uses.
RoundResult host_round(Round& round, const Choice& choice, const Situation& at, std::span<const TokenId> ngram);

// On the device, where the logits are: the passes of both models are asked for with drafts that nobody knows here, and the host waits once, for
// their outcome. Drafting cannot stop at a stop token: what was drafted after it is forgotten. For rounds without n-grams alone.
RoundResult device_round(Round& round, const Choice& choice, const Situation& at);
// Whether params.rounds is given and such rounds ask nothing of the host in between.
bool may_run_on_device(const Round& round);

}  // namespace ragdraft::decoding
