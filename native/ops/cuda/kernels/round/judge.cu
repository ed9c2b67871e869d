#include "ops/cuda/kernels/round/judge.cuh"

#include "base/error.h"

namespace ragdraft::ops::cuda {
namespace {

template <OutputDistribution kOutput>
void decide(gpu::Stream& stream, const Trial& trial, const RoundScratch& scratch, Round* round) {
  const dim3 chunks(unsigned(scratch.p.chunks)), one(1), threads(kSumThreads);
  gpu::launch(decide_kernel<kOutput>, gpu::Shape{one, dim3(unsigned(trial.rows * 32))}, stream, trial, scratch, round);
  gpu::launch(last_masses_kernel<kOutput>, gpu::Shape{chunks, threads}, stream, trial, scratch, round);
  gpu::launch(last_token_kernel<kOutput>, gpu::Shape{one, threads}, stream, trial, scratch, round);
}

}  // namespace

void judge(gpu::Stream& stream, const Trial& trial, Round* round, void* memory) {
  const bool transfers = trial.output != OutputDistribution::kTarget && trial.judged > 0;
  check(trial.judged == trial.rows || (trial.judged == trial.rows - 1 && !(trial.greedy && transfers)), Code::kInternal,
        "a round with rows that are neither judged nor drawn from");
  const RoundScratch scratch = place_round_scratch(trial.rows, trial.p.valid, memory);
  const gpu::Shape judged{dim3(unsigned(scratch.p.chunks), unsigned(trial.judged)), dim3(kSumThreads)};
  const auto sum = [&](auto kernel) { gpu::launch(kernel, judged, stream, trial, scratch, round); };
  row_peaks(stream, trial.p, trial.rows, scratch.p);
  if (!trial.greedy || transfers) row_masses(stream, trial.p, trial.rows, round, scratch.p);
  if (trial.greedy) {
    if (transfers) sum(best_shifted_kernel);
    return gpu::launch(decide_greedy_kernel, gpu::Shape{dim3(1), dim3(unsigned(trial.rows * 32))}, stream, trial, scratch, round);
  }
  if (transfers) {
    sum(shift_peak_kernel);
    sum(shift_mass_kernel);
    if (trial.output == OutputDistribution::kPaper) sum(paper_kernel);
  }
  if (!transfers) decide<OutputDistribution::kTarget>(stream, trial, scratch, round);
  else if (trial.output == OutputDistribution::kTransfer) decide<OutputDistribution::kTransfer>(stream, trial, scratch, round);
  else decide<OutputDistribution::kPaper>(stream, trial, scratch, round);
}

}  // namespace ragdraft::ops::cuda
