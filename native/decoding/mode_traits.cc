#include "decoding/mode_traits.h"

namespace ragdraft::decoding {

ModeTraits traits_of(const DecodeParams& params) {
  ModeTraits traits;
  if (params.mode == Mode::kPlain || params.mode == Mode::kRag) return traits;
  const bool greedy = params.sampling.temperature == 0;
  traits.max_draft = params.draft_length >= 0 ? params.draft_length : params.max_draft_length;
  if (params.mode == Mode::kExact) traits.output = OutputDistribution::kTransfer;
  if (params.mode == Mode::kPaper) traits.output = OutputDistribution::kPaper;
  // Where choices are greedy, exact and paper are one rule: argmax z_hat at every position; without transfer it is argmax z.
  if (greedy && params.transfer == 0) traits.output = OutputDistribution::kTarget;
  traits.bonus_q = greedy ? traits.output != OutputDistribution::kTarget : traits.output == OutputDistribution::kTransfer;
  traits.drafts = traits.max_draft > 0 || traits.bonus_q;
  traits.needs_q = traits.drafts && traits.output != OutputDistribution::kTarget;
  traits.keeps_q = !greedy || traits.output != OutputDistribution::kTarget;
  return traits;
}

}  // namespace ragdraft::decoding
