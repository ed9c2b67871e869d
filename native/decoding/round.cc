#include "decoding/round.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ragdraft::decoding {
namespace {

double steady_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

DecodeParams with_clock(DecodeParams params) {
  if (!params.now_ms) params.now_ms = steady_ms;
  return params;
}

}  // namespace

Round::Round(LanguageModel& target, std::vector<TokenId> target_pending, LanguageModel* draft_model, std::vector<TokenId> draft_pending,
             LanguageModel* self_drafter, DecodeParams decode_params, int valid)
    : params(with_clock(std::move(decode_params))),
      traits(traits_of(params)),
      rules(params, valid),
      costs(params.costs ? params.costs : std::make_shared<CostModel>()),
      verifier(SequenceState(target, std::move(target_pending)), rules, params, traits.output, traits.max_draft),
      drafters(draft_model, std::move(draft_pending), self_drafter, verifier.sequence(), rules, params, traits, *costs) {}

bool Round::is_stop(TokenId token) const {
  return std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end();
}

std::span<const TokenId> Round::commit(const RoundResult& result) {
  const int kept = result.cost.accepted - (result.next ? 0 : 1);  // without a drafted stop token
  text.resize(committed + size_t(kept));
  if (result.next && !is_stop(*result.next)) text.push_back(*result.next);
  const std::span<const TokenId> written = drafts();
  verifier.sequence().commit(written, kept);
  drafters.commit(written, kept);
  committed = text.size();
  stats.decode_tokens = int64_t(committed);
  return written;
}

void Round::rollback() {
  text.resize(committed);
  verifier.sequence().rollback();
  drafters.rollback();
}

void Round::record_reading(int tokens, double ms) {
  drafters.record_reading(tokens, ms);
  stats.read_tokens += tokens;
  stats.read_ms += ms;
}

}  // namespace ragdraft::decoding
