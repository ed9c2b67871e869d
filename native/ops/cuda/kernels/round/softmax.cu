#include "ops/cuda/kernels/round/softmax.cuh"

namespace ragdraft::ops::cuda {
// A block reads one chunk of a row. Grid: x = chunks, y = rows.
__global__ void __launch_bounds__(kSumThreads) row_peaks_kernel(LogitRows logits, RowSums sums) {
  const float* const row = logits.values + blockIdx.y * logits.stride;
  Best<float> best = no_best<float>();
  for_chunk(logits.valid, [&](int token) { consider(best, row[token], token); });
  best = block_best<kSumWarps>(best);
  if (threadIdx.x == 0) sums.best[blockIdx.y * sums.chunks + blockIdx.x] = best;
}

__global__ void __launch_bounds__(kSumThreads) row_masses_kernel(LogitRows logits, const Round* round, RowSums sums) {
  const float* const row = logits.values + blockIdx.y * logits.stride;
  const float peak = warp_best(sums.best + blockIdx.y * sums.chunks, sums.chunks).score;
  const double inverse_temperature = 1 / round->temperature;
  Mass mass = 0;
  for_chunk(logits.valid, [&](int token) { mass += weight_mass(weight_of(row[token], peak, inverse_temperature)); });
  mass = block_total<kSumWarps>(mass);
  if (threadIdx.x == 0) sums.mass[blockIdx.y * sums.chunks + blockIdx.x] = mass;
}

namespace {

gpu::Shape shape_of(const RowSums& sums, int rows) { return {dim3(unsigned(sums.chunks), unsigned(rows)), dim3(kSumThreads)}; }

}  // namespace

void row_peaks(gpu::Stream& stream, const LogitRows& logits, int rows, const RowSums& sums) {
  gpu::launch(row_peaks_kernel, shape_of(sums, rows), stream, logits, sums);
}

void row_masses(gpu::Stream& stream, const LogitRows& logits, int rows, const Round* round, const RowSums& sums) {
  gpu::launch(row_masses_kernel, shape_of(sums, rows), stream, logits, round, sums);
}

}  // namespace ragdraft::ops::cuda
