// Opens the CUDA module at run time, so that the addon works where there is neither a GPU nor CUDA.
#pragma once
#include <string>

#include "ops/cuda/module.h"

namespace ragdraft::ops::cuda {

struct LoadedModule {
  const ragdraft_cuda_api* api = nullptr;  // null without a module that can be used; else valid to the end of the process
  int devices = 0;
  std::string reason;  // why there is no GPU; empty if there is one
};

// Opens the module in the file `path` (UTF-8) and starts the driver, once for each path in the life of the process. Any thread; never
// throws for what is wrong with the module or the driver. A broken driver may crash the process or never return: see native/probe.
const LoadedModule& load_module(const std::string& path);

}  // namespace ragdraft::ops::cuda
