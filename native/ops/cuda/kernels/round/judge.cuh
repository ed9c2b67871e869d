// First the sums that the output distribution is made of, chunk by chunk of all rows that are judged; then one block decides which drafts
// stand; then the chunks of the one row that the last token comes from, and one block that draws it.
#pragma once
#include "ops/cuda/kernels/round/best.cuh"
#include "ops/cuda/kernels/round/row_distributions.cuh"
#include "sampling/rng.h"

namespace ragdraft::ops::cuda {

// How the last token comes about. kNone: no row is left, or it has failed.
enum LastToken : int32_t { kNone, kFromResidual, kFromP };

// ---- sums of the distributions. Grid: x = chunks, y = judged rows

__global__ void __launch_bounds__(kSumThreads) shift_peak_kernel(Trial trial, RoundScratch scratch, const Round* round) {
  const RowDistributions of_row = row_distributions<Known::kQ>(trial, scratch, round, int(blockIdx.y));
  Best<double> peak = no_best<double>();
  float largest_unshifted = 0;  // logarithms rise: one is enough
  for_chunk(trial.p.valid, [&](TokenId token) {
    const float p = of_row.p_of(token), q = of_row.q_of(token);
    if (p <= 0) return;
    if (of_row.shifted(q)) consider(peak, of_row.log_weight(p, q), token);
    else largest_unshifted = fmaxf(largest_unshifted, p);
  });
  if (largest_unshifted > 0) consider(peak, log(double(largest_unshifted)), 0);
  peak = block_best<kSumWarps>(peak);
  if (threadIdx.x == 0) scratch.shift_peak[blockIdx.y * scratch.p.chunks + blockIdx.x] = peak.score;
}

__global__ void __launch_bounds__(kSumThreads) shift_mass_kernel(Trial trial, RoundScratch scratch, const Round* round) {
  const RowDistributions of_row = row_distributions<Known::kShiftPeak>(trial, scratch, round, int(blockIdx.y));
  Mass mass = 0;
  for_chunk(trial.p.valid, [&](TokenId token) { mass += weight_mass(float(of_row.weight(of_row.p_of(token), of_row.q_of(token)))); });
  mass = block_total<kSumWarps>(mass);
  if (threadIdx.x == 0) scratch.shift_mass[blockIdx.y * scratch.p.chunks + blockIdx.x] = mass;
}

__global__ void __launch_bounds__(kSumThreads) paper_kernel(Trial trial, RoundScratch scratch, const Round* round) {
  const RowDistributions of_row = row_distributions<Known::kShiftMass>(trial, scratch, round, int(blockIdx.y));
  Mass rejected = 0, deficit = 0;
  for_chunk(trial.p.valid, [&](TokenId token) {
    const float p = of_row.p_of(token), q = of_row.q_of(token), hat = of_row.p_hat(p, q), accepted = fminf(q, hat);
    rejected += share_mass(hat - accepted);
    deficit += share_mass(fmaxf(p - accepted, 0.0f));
  });
  rejected = block_total<kSumWarps>(rejected);
  deficit = block_total<kSumWarps>(deficit);
  if (threadIdx.x != 0) return;
  scratch.rejected[blockIdx.y * scratch.p.chunks + blockIdx.x] = rejected;
  scratch.deficit[blockIdx.y * scratch.p.chunks + blockIdx.x] = deficit;
}

// Scores of the greedy transfer, decoding::transfer_argmax().
__global__ void __launch_bounds__(kSumThreads) best_shifted_kernel(Trial trial, RoundScratch scratch, const Round* round) {
  const RowDistributions of_row = row_distributions<Known::kQ>(trial, scratch, round, int(blockIdx.y));
  const double temperature = round->temperature;
  Best<double> best = no_best<double>();
  for_chunk(trial.p.valid, [&](TokenId token) {
    const float p = of_row.p_of(token), q = of_row.q_of(token);
    double score = double(of_row.p_logits[token]);
    if (of_row.shifted(q)) score += of_row.shift(p, q) * temperature;
    consider(best, score, token);
  });
  best = block_best<kSumWarps>(best);
  if (threadIdx.x == 0) scratch.best_shifted[blockIdx.y * scratch.p.chunks + blockIdx.x] = best;
}

// ---- decisions. One block; a warp takes a row

struct Verdicts {
  bool stands[kRoundRows];
  bool finite[kRoundRows];  // the row has a distribution
};

template <OutputDistribution kOutput>
__global__ void __launch_bounds__(kRoundRows * 32) decide_kernel(Trial trial, RoundScratch scratch, Round* round) {
  Verdicts& verdicts = gpu::shared<Verdicts>();
  const int row = int(threadIdx.x) / 32;
  const RowDistributions of_row = row_distributions<kAll<kOutput>>(trial, scratch, round, row);
  if (threadIdx.x % 32 == 0) {
    bool stands = false, finite = is_finite(of_row.p.peak);
    if (row < trial.judged) {
      const TokenId draft = round->result.draft[row];
      finite = finite && draft >= 0;
      if (finite) {
        const float p = of_row.p_of(draft), q = of_row.q_of(draft), target = of_row.template share<kOutput>(p, q);
        const double probability = target >= q ? 1 : double(target) / double(q);
        stands = sampling::PositionRng(round->seed).uniform(round->position + row, sampling::Purpose::kAccept) <= probability;
      }
    }
    verdicts.stands[row] = stands;
    verdicts.finite[row] = finite;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  int last = 0;
  while (last < trial.judged && verdicts.stands[last]) last++;
  const bool some = last < trial.rows && verdicts.finite[last];
  round->result.accepted = last;
  round->result.token = -1;
  round->last_row = last;
  round->last_from = !some ? kNone : last < trial.judged ? kFromResidual : kFromP;
}

__global__ void __launch_bounds__(kRoundRows * 32) decide_greedy_kernel(Trial trial, RoundScratch scratch, Round* round) {
  struct Tokens {
    TokenId of[kRoundRows];
  };
  Tokens& tokens = gpu::shared<Tokens>();
  const int row = int(threadIdx.x) / 32, chunks = scratch.p.chunks;
  const int64_t first = int64_t(row) * chunks;
  TokenId token = -1;
  if (trial.output == OutputDistribution::kTarget) token = warp_best(scratch.p.best + first, chunks).token;
  else if (is_finite(softmax_of(scratch.p, row).peak)) token = warp_best(scratch.best_shifted + first, chunks).token;
  if (row < trial.judged && round->result.draft[row] < 0) token = -1;
  if (threadIdx.x % 32 == 0) tokens.of[row] = token;
  __syncthreads();
  if (threadIdx.x != 0) return;
  int last = 0;
  while (last < trial.judged && tokens.of[last] >= 0 && tokens.of[last] == round->result.draft[last]) last++;
  round->result.accepted = last;
  round->result.token = last < trial.rows ? tokens.of[last] : -1;
}

// ---- the last token of a sampled round

// What it is drawn from: the residual of the output distribution over q, or p where no draft was judged.
template <OutputDistribution kOutput>
struct LastShare {
  RowDistributions of_row;
  bool residual;
  // Of a token: its share of the output distribution, and of what that exceeds q by.
  __device__ void of(TokenId token, float& whole, float& rest) const {
    const float p = of_row.p_of(token), q = residual ? of_row.q_of(token) : 0.0f;
    whole = residual ? of_row.template share<kOutput>(p, q) : p;
    rest = fmaxf(whole - q, 0.0f);
  }
};

// Grid: chunks.
template <OutputDistribution kOutput>
__global__ void __launch_bounds__(kSumThreads) last_masses_kernel(Trial trial, RoundScratch scratch, const Round* round) {
  if (round->last_from == kNone) return;
  const LastShare<kOutput> share{row_distributions<kAll<kOutput>>(trial, scratch, round, round->last_row), round->last_from == kFromResidual};
  Mass whole = 0, residual = 0;
  for_chunk(trial.p.valid, [&](TokenId token) {
    float all, rest;
    share.of(token, all, rest);
    whole += share_mass(all);
    residual += share_mass(rest);
  });
  whole = block_total<kSumWarps>(whole);
  residual = block_total<kSumWarps>(residual);
  if (threadIdx.x != 0) return;
  scratch.whole[blockIdx.x] = whole;
  scratch.residual[blockIdx.x] = residual;
}

// One block.
template <OutputDistribution kOutput>
__global__ void __launch_bounds__(kSumThreads) last_token_kernel(Trial trial, RoundScratch scratch, Round* round) {
  if (round->last_from == kNone) return;
  const int chunks = scratch.p.chunks, row = round->last_row;
  const LastShare<kOutput> share{row_distributions<kAll<kOutput>>(trial, scratch, round, row), round->last_from == kFromResidual};
  // No residual: q covers the output distribution but for rounding, so that any token of it will do.
  const bool some = warp_total(scratch.residual, chunks) > 0;
  const Mass* const masses = some ? scratch.residual : scratch.whole;
  const double u = sampling::PositionRng(round->seed).uniform(round->position + row, sampling::Purpose::kResample);
  const Place chunk = find_place<kSumWarps>(chunks, wanted_mass(u, warp_total(masses, chunks)), [&](int i) { return masses[i]; });
  const int first = chunk.index * kChunkTokens, count = min(kChunkTokens, trial.p.valid - first);
  const Place place = find_place<kSumWarps>(count, chunk.wanted, [&](int i) {
    float whole, rest;
    share.of(first + i, whole, rest);
    return share_mass(some ? rest : whole);
  });
  if (threadIdx.x == 0) round->result.token = first + place.index;
}

}  // namespace ragdraft::ops::cuda
