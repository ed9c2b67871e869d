// Finds and opens the optional CUDA module beside the addon. Its absence is a reason to report, never an error.
#pragma once
#include <string>

#include "ops/cuda/module.h"

namespace ragdraft::addon {

struct CudaStatus {
  const ragdraft_cuda_api* api = nullptr;
  int devices = 0;
  std::string path, reason;  // the module's path once it was tried; why devices is 0
};

const CudaStatus& load_cuda();  // once per process, thread-safe; never throws

}  // namespace ragdraft::addon
