// Speculative sampling of one position: a token drawn from q is accepted or replaced so that the result follows the target law,
// whatever q is. Pure: all randomness comes from `rng`, keyed by the position.
#pragma once
#include <span>

#include "base/types.h"
#include "sampling/rng.h"

namespace ragdraft::decoding {

// min(1, target / q) of a token that was drawn from q, hence q > 0.
double accept_probability(double target, double q);

// What a rejected draft is replaced from: out = (target - q)+, not normalised. Returns its sum. out may be q or target itself.
template <class Real>
double residual(std::span<const Real> q, std::span<const Real> target, std::span<Real> out);

struct Acceptance {
  TokenId token;  // the draft, or what replaces it
  bool accepted;
};

// draft: drawn from q. q, target: [vocab]; need not be normalised to the last bit. scratch: [vocab], overwritten.
Acceptance accept(TokenId draft, std::span<const float> q, std::span<const float> target, Position position,
                  const sampling::PositionRng& rng, std::span<float> scratch);

}  // namespace ragdraft::decoding
