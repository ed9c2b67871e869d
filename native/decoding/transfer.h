// The retrieval-augmented target distribution: what the target becomes after one gradient step towards the drafter.
// Pure functions over rows of one position. p: target, q: drafter; both [vocab], >= 0, sum 1, shaped by the same sampling
// parameters. Real is float (decoding) or double (checks of the mathematics).
#pragma once
#include <span>

#include "base/types.h"

namespace ragdraft::decoding {

struct Transfer {
  double eta = 0;           // step size, >= 0; 0 leaves the target as it is
  double plausibility = 0;  // the step counts only where q >= plausibility * max q, [0, 1]
};

// out = p * exp(eta * (q - p)) / Z, the exponent 0 where q is implausible. Exact for any finite eta: the largest exponent is
// taken out first. out may be p or q itself.
template <class Real>
void transfer(std::span<const Real> p, std::span<const Real> q, const Transfer& step, std::span<Real> out);

// The law that the published method really samples, pi = m + kappa * (p - m)+ with m = min(q, p_hat) and kappa such that pi sums
// to 1. TV(pi, p) = sum (m - p)+. law: p_hat in, pi out.
template <class Real>
void paper_law(std::span<const Real> p, std::span<const Real> q, std::span<Real> law);

// argmax of z + eta * tau * (q - p), the greedy form. logits: z [vocab]; p, q: softmax of the two models' logits at temperature
// tau. Ties: the smallest index; NaN never wins; -1 if nothing is left.
TokenId transfer_argmax(std::span<const float> logits, std::span<const float> p, std::span<const float> q, const Transfer& step,
                        double tau);

}  // namespace ragdraft::decoding
