#include "decoding/round.h"

#include <algorithm>

namespace ragdraft::decoding {

bool may_run_on_device(const Round& round) {
  return round.params.rounds && round.params.confidence == 0 && round.rules.plain_softmax() && round.rules.valid() <= sampling::Rounds::kMostTokens;
}

RoundResult device_round(Round& round, const Choice& choice, const Situation& at) {
  RoundResult result;
  RoundCost& cost = result.cost;
  sampling::Rounds& device = *round.params.rounds;
  const int steps = choice.length + (round.traits.bonus_q ? 1 : 0);  // the look ahead cannot wait for the judgement
  Drafter* const drafter = steps > 0 ? round.drafters.current() : nullptr;
  if (drafter && at.unread > 2) {
    round.stats.read_tokens += at.unread - 1;
    drafter->sequence().prefill();
  }
  device.begin({round.traits.output, round.rules.greedy(), round.traits.keeps_q && steps > 0, round.rules.valid(), round.params.seed,
                round.rules.temperature(), round.params.transfer, round.params.plausibility},
               Position(round.committed));
  for (int i = 0; i < steps; i++) {
    drafter->sequence().advance(round.drafts(), 1, nullptr);
    device.draft(i);
    round.text.push_back(unknown_draft(i));
  }
  if (drafter) drafter->sequence().clear_target_cache();
  round.verifier.sequence().advance(round.drafts().first(size_t(choice.length)), choice.length + 1, nullptr);
  const sampling::RoundOutcome outcome = device.judge(steps, choice.length + 1);
  cost.draft_steps = steps;
  cost.draft_ms = outcome.draft_ms;
  cost.verify_ms = outcome.verify_ms;

  round.text.resize(round.committed);
  const auto drafted_stop = [&] { return round.drafted() > 0 && round.is_stop(round.text.back()); };
  while (round.drafted() < choice.length && !drafted_stop()) round.text.push_back(expect_token(outcome.draft[size_t(round.drafted())]));
  cost.drafted = round.drafted();
  cost.unjudged = choice.length - cost.drafted;
  cost.accepted = std::min(outcome.accepted, cost.drafted);
  if (cost.accepted == cost.drafted && drafted_stop()) return result;
  // With one draft more accepted than the target has rows for, that is the look ahead's, and follows them.
  result.next = outcome.accepted > choice.length ? outcome.draft[size_t(choice.length)] : expect_token(outcome.token);
  return result;
}

}  // namespace ragdraft::decoding
