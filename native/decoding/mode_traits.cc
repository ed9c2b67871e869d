#include "decoding/mode_traits.h"

namespace ragdraft::decoding {

Plan plan_of(const DecodeParams& params) {
  Plan plan;
  if (params.mode == Mode::kPlain || params.mode == Mode::kRag) return plan;
  const bool greedy = params.sampling.temperature == 0;
  plan.max_draft = params.draft_length >= 0 ? params.draft_length : params.max_draft_length;
  if (params.mode == Mode::kExact) plan.law = Law::kTransfer;
  if (params.mode == Mode::kPaper) plan.law = Law::kPaper;
  // Greedy, exact and paper are one law: argmax z_hat at every position; without transfer it is argmax z.
  if (greedy && params.transfer == 0) plan.law = Law::kTarget;
  plan.bonus_q = greedy ? plan.law != Law::kTarget : plan.law == Law::kTransfer;
  plan.drafts = plan.max_draft > 0 || plan.bonus_q;
  plan.needs_q = plan.drafts && plan.law != Law::kTarget;
  plan.keeps_q = !greedy || plan.law != Law::kTarget;
  return plan;
}

}  // namespace ragdraft::decoding
