// Finds and opens the optional CUDA module beside the addon. Its absence is a reason to report, never an error.
#pragma once
#include <string>

#include "ops/cuda/module.h"

namespace ragdraft::addon {

struct CudaStatus {
  const ragdraft_cuda_api* api = nullptr;
  int devices = 0;
  std::string reason;  // why devices is 0
};

// Once per process, thread-safe; never throws. Starts the driver, which may take seconds, and whose faults are the process's.
const CudaStatus& load_cuda();
// Where the module is looked for: beside the addon, or RAGDRAFT_CUDA_MODULE. "" where there is no CUDA.
std::string cuda_module_path();

}  // namespace ragdraft::addon
