// What the card can do at most: reads of its memory, products of bf16 by the instruction that all kernels use.
#pragma once
#include "options.h"
#include "shapes.h"

namespace ragdraft::gpu_check {

Peaks measure_peaks(const Options& options, int multiprocessors);

}  // namespace ragdraft::gpu_check
