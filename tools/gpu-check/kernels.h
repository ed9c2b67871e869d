// Kernels one by one, in the shapes of a model's layers, on memory that is not in a cache.
#pragma once
#include "options.h"
#include "report.h"

namespace ragdraft::gpu_check {

// Attention, with every type of KV and at every depth.
void measure_attention(const Options& options, Report& report);
// The others: ends of a pass, rotation and storage, inputs of products, and what draws and judges. They are bound by the latency of a
// launch, not by bytes.
void measure_small_kernels(const Options& options, Report& report);
// Products of one type of weights.
void measure_linear(const Options& options, Report& report);

}  // namespace ragdraft::gpu_check
