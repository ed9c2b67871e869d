// Kernels one by one, in the shapes of a model's layers, on memory that is not in a cache.
#pragma once
#include <string>

#include "options.h"
#include "report.h"
#include "timing.h"

namespace ragdraft::gpu_check {

void measure_kernels(const std::string& model, const Options& options, const Deadline& deadline, Report& report);

}  // namespace ragdraft::gpu_check
