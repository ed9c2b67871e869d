// Speculative sampling of one position: a token drawn from q is accepted or replaced so that the result follows the distribution `target`,
// whatever q is. Pure: all randomness comes from `rng`, keyed by the position.
//
// A draft x ~ q is accepted with probability min(1, target(x) / q(x)); a rejected one is replaced by a token from the residual
//     (target - q)+ / sum (target - q)+,
// so that a token is accepted or drawn with probability min(q, target) + (target - q)+ = target. The rule is that of speculative decoding
// (Leviathan et al., arXiv 2211.17192). Algorithm 1 of RAPID (arXiv 2502.20330) accepts by the same ratio with target = p_hat of transfer.h, but
// replaces from norm(max(p - p_hat, p - q, 0)): the result then follows neither p nor p_hat but pi, see paper_distribution().
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
