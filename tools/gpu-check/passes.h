// Whole passes of whole models: decode, draft, verify and prefill at several contexts.
#pragma once
#include <memory>

#include "options.h"
#include "report.h"

namespace ragdraft::ops {
class Backend;
}

namespace ragdraft::gpu_check {

// One model with one type of weights, with every type of KV. What does not fit into the memory is reported as skipped, the longest context
// first. Checks that a verify has the bits of decodes.
void measure_passes(std::shared_ptr<ops::Backend> backend, const Options& options, Report& report);

}  // namespace ragdraft::gpu_check
