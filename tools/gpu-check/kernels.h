// Kernels one by one, in the shapes of a model's layers, on memory that is not in a cache.
#pragma once
#include <string>

#include "options.h"
#include "report.h"
#include "timing.h"

namespace ragdraft::gpu_check {

// Attention.
void measure_attention(const std::string& model, const Options& options, const Deadline& deadline, Listener& report);
// The others: ends of a pass, rotation and storage, inputs of products, and what draws and judges. Bound by the latency of a launch, not by
// bytes.
void measure_small_kernels(const std::string& model, const Options& options, const Deadline& deadline, Listener& report);
// Products of one type of weights.
void measure_linear(const std::string& model, const std::string& weights, const Options& options, const Deadline& deadline, Listener& report);

}  // namespace ragdraft::gpu_check
