#include "decoding/round.h"

namespace ragdraft::decoding {
namespace {

// Appends the drafts to the text.
void draft(Round& round, const Choice& choice, const Situation& at, std::span<const TokenId> ngram, RoundCost& cost) {
  Drafter* const drafter = round.drafters.current();
  const auto now_ms = [&] { return round.params.now_ms(); };
  if (drafter) drafter->begin(round.text);
  if (choice.source == Source::kNgram) {
    cost.by_ngram = true;
    round.text.insert(round.text.end(), ngram.begin(), ngram.end());
  }
  if (choice.source == Source::kNone || choice.source == Source::kNgram) return;

  const double begin = now_ms();
  if (at.unread > 2) drafter->sequence().prefill();  // it sat out some rounds: not a step's cost
  const double ready = now_ms();
  int length = choice.length;
  if (choice.source == Source::kCascade) {
    drafter->check(ngram, round.text);
    cost.check_rows = int(ngram.size()) + 1;
    cost.check_ms = now_ms() - ready;
    if (round.params.draft_length < 0) length = round.costs->extend(at, round.drafted());
  }
  drafter->write(length, round.text);
  drafter->sequence().clear_target_cache();
  cost.draft_ms = now_ms() - ready - cost.check_ms;
  if (at.unread > 2) round.record_reading(at.unread - 1, ready - begin);
}

// Draft i against the target's row i.
Acceptance judge(Round& round, int i, bool by_ngram) {
  const auto before = std::span<const TokenId>(round.text).first(round.committed + size_t(i));
  const TokenId draft = round.text[before.size()];
  if (by_ngram) {
    const TokenId token = round.verifier.draw(i, before);
    return {token, token == draft};
  }
  return round.verifier.judge(i, draft, round.traits.keeps_q ? round.drafters.current()->q(i) : std::span<const float>(), before);
}

// The token after a fully accepted draft. With q it is one more drafted position, so that the text does not depend on the draft length; else
// it comes from p alone.
TokenId bonus(Round& round) {
  const int i = round.drafted();
  if (!round.traits.bonus_q) return round.verifier.draw(i, round.text);
  const Drafter& drafter = *round.drafters.current();
  return round.verifier.judge(i, drafter.pick(i, Position(round.text.size())), drafter.q(i), round.text).token;
}

}  // namespace

RoundResult host_round(Round& round, const Choice& choice, const Situation& at, std::span<const TokenId> ngram) {
  RoundResult result;
  RoundCost& cost = result.cost;
  Drafter* const drafter = round.drafters.current();
  draft(round, choice, at, ngram, cost);
  const double proposed = round.params.now_ms();
  cost.drafted = round.drafted();
  round.verifier.score(round.drafts());
  while (cost.accepted < cost.drafted && !result.next) {
    const Acceptance verdict = judge(round, cost.accepted, cost.by_ngram);
    if (verdict.accepted) cost.accepted++;
    else result.next = verdict.token;
  }
  double bonus_draft_ms = 0;
  const bool drafted_stop = cost.accepted > 0 && round.is_stop(round.drafts()[size_t(cost.accepted) - 1]);
  if (!result.next && !drafted_stop) {
    const double judged = round.params.now_ms();
    if (round.traits.bonus_q) drafter->look_ahead(round.text);
    bonus_draft_ms = round.params.now_ms() - judged;
    result.next = bonus(round);
  }
  cost.draft_steps = drafter ? drafter->steps() : 0;
  cost.draft_ms += bonus_draft_ms;
  cost.verify_ms = round.params.now_ms() - proposed - bonus_draft_ms;
  return result;
}

}  // namespace ragdraft::decoding
