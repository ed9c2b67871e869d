// The retrieval-augmented target distribution: what the target becomes after one gradient step towards the drafter.
// Pure functions over rows of one position. p: target, q: drafter; both [vocab], >= 0, sum 1, shaped by the same sampling
// parameters. Real is float (decoding) or double (checks of the mathematics).
//
// RAPID (arXiv 2502.20330), equations 6 to 8: with target logits z, temperature T and p = softmax(z / T), the distillation loss
// L = T^2 KL(q || p) has the gradient dL/dz = T (p - q). One step of size eta down that gradient, z_hat = z + eta T (q - p), gives
//     p_hat = softmax(z_hat / T) = softmax(z / T + eta (q - p)).
// Equation 9 masks implausible tokens; here, as in the authors' code, the step counts where q(x) >= alpha max q alone, and p_hat stays
// normalised.
#pragma once
#include <span>

#include "base/types.h"

namespace ragdraft::decoding {

struct Transfer {
  double eta = 0;           // step size, >= 0; 0 leaves the target as it is
  double plausibility = 0;  // the step counts only where q >= plausibility * max q, [0, 1]
};

// p_hat without logits: out = p * exp(eta * (q - p)) / Z, the exponent 0 where q is implausible. Exact for any finite eta: the largest
// exponent is taken out first. out may be p or q itself.
template <class Real>
void transfer(std::span<const Real> p, std::span<const Real> q, const Transfer& step, std::span<Real> out);

// The distribution that the published method samples from, pi = m + kappa * (p - m)+ with m = min(q, p_hat) and kappa such that pi sums
// to 1. Its distance in total variation from p is sum (m - p)+. row: p_hat in, pi out.
template <class Real>
void paper_distribution(std::span<const Real> p, std::span<const Real> q, std::span<Real> row);

// argmax of z + eta * tau * (q - p), the greedy form. logits: z [vocab]; p, q: softmax of the two models' logits at temperature
// tau. Ties: the smallest index; NaN never wins; -1 if nothing is left.
TokenId transfer_argmax(std::span<const float> logits, std::span<const float> p, std::span<const float> q, const Transfer& step,
                        double tau);

}  // namespace ragdraft::decoding
