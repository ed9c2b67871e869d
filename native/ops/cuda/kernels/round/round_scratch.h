// What the kernels of a round sum up, chunk by chunk of each row.
#pragma once
#include <cstddef>

#include "ops/cuda/kernels/round/softmax.h"

namespace ragdraft::ops::cuda {

// Arrays are [rows][chunks].
struct RoundScratch {
  RowSums p;
  double* shift_peak;         // largest logarithm of a weight of p_hat
  Mass* shift_mass;           // weights of p_hat relative to it
  Best<double>* best_shifted;  // largest shifted logits
  Mass *rejected, *deficit;   // p_hat - m, (p - m)+, with m = min(q, p_hat)
  Mass *residual, *whole;     // of the last row alone: (output - q)+, output
};

size_t round_scratch_bytes(int rows, int valid);
RoundScratch place_round_scratch(int rows, int valid, void* memory);

}  // namespace ragdraft::ops::cuda
