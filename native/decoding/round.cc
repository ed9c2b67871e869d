#include "decoding/round.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ragdraft::decoding {
namespace {

DecodeParams with_clock(DecodeParams params) {
  using Ms = std::chrono::duration<double, std::milli>;
  if (!params.now_ms) params.now_ms = [] { return Ms(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  return params;
}

}  // namespace

Round::Round(Models models, DecodeParams decode_params)
    : params(with_clock(std::move(decode_params))),
      traits(traits_of(params)),
      rules(params, models.valid),
      costs(params.costs ? params.costs : std::make_shared<DraftPolicy>()),
      verifier(SequenceState(*models.target, std::move(models.target_pending)), rules, params, traits.output, traits.max_draft),
      drafters(models.draft_model, std::move(models.draft_pending), models.self_drafter, verifier.sequence(), rules, params, traits, *costs) {}

bool Round::is_stop(TokenId token) const {
  return std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end();
}

std::span<const TokenId> Round::commit(const RoundResult& result) {
  const int kept = result.cost.accepted - (result.next ? 0 : 1);  // without a drafted stop token
  text.resize(committed + size_t(kept));
  if (result.next && !is_stop(*result.next)) text.push_back(*result.next);
  const std::span<const TokenId> written = drafts();
  verifier.sequence().commit(written, kept);
  drafters.for_each_sequence([&](SequenceState& drafting) { drafting.commit(written, kept); });
  committed = text.size();
  stats.decode_tokens = int64_t(committed);
  return written;
}

void Round::rollback() {
  text.resize(committed);
  verifier.sequence().rollback();
  drafters.for_each_sequence([](SequenceState& drafting) { drafting.rollback(); });
}

void Round::record_reading(int tokens, double ms) {
  if (params.draft_length < 0) costs->record_reading(drafters.draft_model_index(), tokens, ms);
  stats.read_tokens += tokens;
  stats.read_ms += ms;
}

}  // namespace ragdraft::decoding
