// The distributions of a row, token by token: p, p_hat and pi as decoding/transfer.h defines them.
#pragma once
#include <cmath>

#include "ops/cuda/kernels/round/judge.h"
#include "ops/cuda/kernels/round/masses.cuh"
#include "ops/cuda/kernels/round/round_scratch.h"
#include "ops/cuda/kernels/round/softmax.cuh"

namespace ragdraft::ops::cuda {

// What has been summed up over the row so far. Each needs those before it.
enum class Known { kQ, kShiftPeak, kShiftMass, kPaper };

// Of one row: constants that are the same for all its tokens, and for every lane of the warp.
struct RowDistributions {
  const float *p_logits, *q_logits;
  double inverse_temperature;
  Softmax p, q;
  double transfer, plausible_from;
  double shift_peak, unshifted_scale, shift_scale;  // of p_hat
  double kappa;                                     // of pi

  __device__ float p_of(TokenId token) const { return share_of(p, p_logits[token], inverse_temperature); }
  __device__ float q_of(TokenId token) const { return share_of(q, q_logits[token], inverse_temperature); }

  __device__ bool shifted(float q_share) const { return double(q_share) >= plausible_from; }
  __device__ double shift(float p_share, float q_share) const { return transfer * (double(q_share) - double(p_share)); }
  // Logarithm of the weight that becomes p_hat.
  __device__ double log_weight(float p_share, float q_share) const {
    return log(double(p_share)) + (shifted(q_share) ? shift(p_share, q_share) : 0.0);
  }
  // That weight relative to the largest. Only where q is plausible, at a handful of tokens, it costs a logarithm and an exponential.
  __device__ double weight(float p_share, float q_share) const {
    if (p_share <= 0) return 0;
    if (!shifted(q_share)) return double(p_share) * unshifted_scale;
    return exp(log_weight(p_share, q_share) - shift_peak);
  }
  __device__ float p_hat(float p_share, float q_share) const { return float(double(float(weight(p_share, q_share))) * shift_scale); }
  __device__ float pi(float p_share, float q_share, float p_hat_share) const {
    const double accepted = double(fminf(q_share, p_hat_share));
    return float(accepted + kappa * fmax(double(p_share) - accepted, 0.0));
  }

  template <OutputDistribution kOutput>
  __device__ float share(float p_share, float q_share) const {
    if constexpr (kOutput == OutputDistribution::kTarget) return p_share;
    const float hat = p_hat(p_share, q_share);
    return kOutput == OutputDistribution::kPaper ? pi(p_share, q_share, hat) : hat;
  }
};

// Of all there is to know before the shares of its tokens can be told.
template <OutputDistribution kOutput>
inline constexpr Known kAll = kOutput == OutputDistribution::kTarget     ? Known::kQ
                              : kOutput == OutputDistribution::kTransfer ? Known::kShiftMass
                                                                         : Known::kPaper;

// Row `row` of the trial, by the warp. Rows that no draft is judged at have no q.
template <Known kKnown>
__device__ RowDistributions row_distributions(const Trial& trial, const RoundScratch& scratch, const Round* round, int row) {
  const int chunks = scratch.p.chunks, lane = int(threadIdx.x) % 32;
  const int64_t first = int64_t(row) * chunks;
  RowDistributions of_row{};
  of_row.p_logits = trial.p.values + row * trial.p.stride;
  of_row.inverse_temperature = 1 / round->temperature;
  of_row.p = softmax_of(scratch.p, row);
  if (row >= trial.judged) return of_row;
  of_row.q_logits = trial.q.values + row * trial.q.stride;
  of_row.q = round->q[row];
  of_row.transfer = round->transfer;
  of_row.plausible_from = round->plausibility * double(float(of_row.q.scale));  // the largest weight is 1
  if constexpr (kKnown >= Known::kShiftPeak) {
    double peak = -INFINITY;
    for (int i = lane; i < chunks; i += 32) peak = fmax(peak, scratch.shift_peak[first + i]);
    for (int lanes = 16; lanes > 0; lanes /= 2) peak = fmax(peak, __shfl_xor_sync(0xffffffffu, peak, lanes));
    of_row.shift_peak = peak;
    of_row.unshifted_scale = exp(-peak);
  }
  if constexpr (kKnown >= Known::kShiftMass) {
    of_row.shift_scale = 1 / (double(warp_total(scratch.shift_mass + first, chunks)) * kWeightUnit);
  }
  if constexpr (kKnown >= Known::kPaper) {
    const Mass rejected = warp_total(scratch.rejected + first, chunks), deficit = warp_total(scratch.deficit + first, chunks);
    of_row.kappa = deficit > 0 ? fmin(double(rejected) / double(deficit), 1.0) : 0;
  }
  return of_row;
}

}  // namespace ragdraft::ops::cuda
