#include "decoding/accept.h"

#include <algorithm>

#include "sampling/sampler.h"

namespace ragdraft::decoding {

using sampling::Purpose;

double accept_probability(double target, double q) { return target >= q ? 1 : target / q; }

template <class Real>
double residual(std::span<const Real> q, std::span<const Real> target, std::span<Real> out) {
  double sum = 0;
  for (size_t i = 0; i < target.size(); i++) {
    out[i] = std::max(target[i] - q[i], Real(0));
    sum += double(out[i]);
  }
  return sum;
}

Acceptance accept(TokenId draft, std::span<const float> q, std::span<const float> target, Position position,
                  const sampling::PositionRng& rng, std::span<float> scratch) {
  const double probability = accept_probability(target[size_t(draft)], q[size_t(draft)]);
  if (rng.uniform(position, Purpose::kAccept) <= probability) return {draft, true};
  // No residual: q covers the target but for rounding, so that any token of the target will do.
  const bool some = residual(q, target, scratch) > 0;
  return {sampling::sample(some ? scratch : target, rng.uniform(position, Purpose::kResample)), false};
}

template double residual<float>(std::span<const float>, std::span<const float>, std::span<float>);
template double residual<double>(std::span<const double>, std::span<const double>, std::span<double>);

}  // namespace ragdraft::decoding
