#include "decoding/drafters.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ragdraft::decoding {

Drafters::Drafters(LanguageModel* draft_model, std::vector<TokenId> pending, LanguageModel* self_drafter, const SequenceState& target,
                   const RowRules& rules, const DecodeParams& params, const ModeTraits& traits, DraftPolicy& costs)
    : params_(params), bonus_q_(traits.bonus_q), costs_(costs) {
  if (!traits.drafts) return;
  const auto take = [&](std::optional<Drafter>& drafter, SequenceState sequence) {
    current_ = &drafter.emplace(std::move(sequence), rules, params, traits.max_draft, traits.keeps_q);
  };
  if (draft_model) take(draft_model_, SequenceState(*draft_model, std::move(pending)));
  if (self_drafter) take(self_drafter_, SequenceState(*self_drafter, target));
}

void Drafters::prefill() {
  if (fits() && !prompt_waits()) current_->sequence().prefill();
}

Situation Drafters::choose(Situation at) {
  reads_ = false;
  if (!two()) {
    at = with(current_, at);
    if (!prompt_waits() || at.unread <= kMaxPassRows) return at;
    const Choice choice = costs_.choose(at);
    reads_ = choice.source == Source::kModel || choice.source == Source::kCascade;
    at.limit = 0;
    return at;
  }
  const std::array<Drafter*, DraftPolicy::kDrafters> drafters{&*self_drafter_, &*draft_model_};
  const std::array<Situation, DraftPolicy::kDrafters> candidates{with(drafters[0], at), with(drafters[1], at)};
  int index = costs_.choose_drafter(candidates);
  reads_ = index == 1 && candidates[1].unread > kMaxPassRows;
  if (reads_) index = 0;
  costs_.use_drafter(index);
  current_ = drafters[size_t(index)];
  return candidates[size_t(index)];
}

Situation Drafters::with(const Drafter* drafter, Situation at) const {
  at.draft_share = self_drafter_ && drafter == &*self_drafter_ ? params_.self_drafter_share : params_.draft_model_share;
  at.read_ms = params_.read_ms;
  const int left = drafter ? drafter->sequence().capacity_left() : -1;
  // The last draft enters the drafter's cache only where its row is needed.
  at.limit = left < 0 ? 0 : std::min(at.limit, left + (bonus_q_ ? 0 : 1));
  if (left >= 0) at.unread = drafter->sequence().pending();
  return at;
}

}  // namespace ragdraft::decoding
