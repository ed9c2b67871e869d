#include "decoding/accept.h"

#include <algorithm>

#include "sampling/sampler.h"

namespace ragdraft::decoding {
namespace {

// out = (target - q)+, not normalised. Returns its sum.
double residual(std::span<const float> q, std::span<const float> target, std::span<float> out) {
  double sum = 0;
  for (size_t i = 0; i < target.size(); i++) {
    out[i] = std::max(target[i] - q[i], 0.0f);
    sum += double(out[i]);
  }
  return sum;
}

}  // namespace

using sampling::Purpose;

Acceptance accept(TokenId draft, std::span<const float> q, std::span<const float> target, Position position,
                  const sampling::PositionRng& rng, std::span<float> scratch) {
  const double of_target = target[size_t(draft)], of_q = q[size_t(draft)];  // of_q > 0: it was drawn
  const double probability = of_target >= of_q ? 1 : of_target / of_q;
  if (rng.uniform(position, Purpose::kAccept) <= probability) return {draft, true};
  // No residual: q covers the target but for rounding, so that any token of the target will do.
  const bool some = residual(q, target, scratch) > 0;
  return {sampling::sample(some ? scratch : target, rng.uniform(position, Purpose::kResample)), false};
}

}  // namespace ragdraft::decoding
