// Tries the GPUs of this machine, in a process that may be lost by it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ragdraft::probe {

struct Device {
  int index;
  std::string name, capability;  // "NVIDIA H200", "9.0"
  uint64_t total_bytes, free_bytes;
  std::string problem;  // why it cannot be used; empty if a kernel ran on it and gave what it should
};
struct Report {
  std::vector<Device> devices;
  std::string reason;  // why there are none
};

// Opens the CUDA module in the file `module` (UTF-8) and runs a kernel on every GPU. Never throws. A broken driver may crash the process,
// or never return: after `limit_seconds` the process ends itself with status 1.
Report try_gpus(const std::string& module, int limit_seconds);

// The report as one line of JSON: CudaReport of lib/runtime/binding.ts.
std::string to_json(const Report& report);

}  // namespace ragdraft::probe
