// Whole passes of whole models: decode, draft, verify and prefill, behind contexts of many lengths.
#pragma once
#include <memory>
#include <string>

#include "options.h"
#include "report.h"
#include "timing.h"

namespace ragdraft::ops {
class Backend;
}

namespace ragdraft::gpu_check {

// One model with one type of weights, with every type of KV. What does not fit into the memory or the time is said to be skipped.
void measure_passes(const std::string& model, const std::string& weights, std::shared_ptr<ops::Backend> backend, const Options& options,
                    const Deadline& deadline, Listener& report);

}  // namespace ragdraft::gpu_check
